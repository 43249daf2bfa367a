//! The sources of both crates, parsed, without their tests and documentation.

use std::fs;
use std::path::{Path, PathBuf};

use proc_macro2::{Delimiter, TokenStream, TokenTree};
use quote::ToTokens;
use syn::visit_mut::{self, VisitMut};

/// One file.
pub struct Source {
    /// The path relative to `src`.
    pub path: PathBuf,
    /// The path of its module within the crate.
    pub module: Vec<String>,
    pub text: String,
    /// The syntax tree, without test code and doc comments.
    pub syntax: syn::File,
}

/// A path as written in the source, or a branch of a `use`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mention {
    pub segments: Vec<String>,
    pub line: usize,
    pub is_import: bool,
}

/// Reads the modules of the library and of the program. Panics if a file in `src` belongs to neither.
pub fn sources() -> Vec<Source> {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let (mut sources, mut seen) = (Vec::new(), Vec::new());
    for root in ["lib.rs", "main.rs"] {
        read_module(&src, Path::new(root), Vec::new(), &mut sources, &mut seen);
    }
    let mut stray = rust_files(&src);
    stray.retain(|path| !seen.contains(path));
    assert!(stray.is_empty(), "no module has these files: {stray:?}");
    sources
}

/// Reads a module and those that it declares. `seen` also gets the files of test modules, which are not read.
fn read_module(
    src: &Path,
    path: &Path,
    module: Vec<String>,
    sources: &mut Vec<Source>,
    seen: &mut Vec<PathBuf>,
) {
    let text = fs::read_to_string(src.join(path)).unwrap_or_else(|error| panic!("{path:?}: {error}"));
    let mut syntax = syn::parse_file(&text).unwrap_or_else(|error| panic!("{path:?}: {error}"));
    seen.push(src.join(path));
    for item in &syntax.items {
        let syn::Item::Mod(child) = item else { continue };
        if child.content.is_some() {
            continue;
        }
        let mut inner = module.clone();
        inner.push(child.ident.to_string());
        let file = [inner.join("/") + ".rs", inner.join("/") + "/mod.rs"]
            .into_iter()
            .map(PathBuf::from)
            .find(|file| src.join(file).exists())
            .unwrap_or_else(|| panic!("the module {inner:?} has no file"));
        if is_test(&child.attrs) {
            seen.push(src.join(file));
        } else {
            read_module(src, &file, inner, sources, seen);
        }
    }
    Untested.visit_file_mut(&mut syntax);
    sources.push(Source { path: path.to_owned(), module, text, syntax });
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("the folder can be read");
    let paths = entries.map(|entry| entry.expect("the entry can be read").path());
    paths
        .flat_map(|path| if path.is_dir() { rust_files(&path) } else { vec![path] })
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .collect()
}

/// Parses a snippet like a file.
#[cfg(test)]
pub fn parse(code: &str) -> TokenStream {
    let mut syntax = syn::parse_file(code).expect("valid Rust");
    Untested.visit_file_mut(&mut syntax);
    syntax.to_token_stream()
}

/// Returns whether an item is compiled for tests only: `#[test]`, `#[cfg(test)]`, or `#[cfg(all(test, …))]`.
fn is_test(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        let text = attribute.meta.to_token_stream().to_string().replace(' ', "");
        text == "test" || text == "cfg(test)" || text.starts_with("cfg(all(test,")
    })
}

/// Removes test code and doc comments.
struct Untested;

impl VisitMut for Untested {
    fn visit_file_mut(&mut self, file: &mut syn::File) {
        file.items.retain(|item| !is_test(item_attributes(item)));
        visit_mut::visit_file_mut(self, file);
    }

    fn visit_item_mod_mut(&mut self, module: &mut syn::ItemMod) {
        if let Some((_, items)) = &mut module.content {
            items.retain(|item| !is_test(item_attributes(item)));
        }
        visit_mut::visit_item_mod_mut(self, module);
    }

    fn visit_item_impl_mut(&mut self, block: &mut syn::ItemImpl) {
        block.items.retain(|item| match item {
            syn::ImplItem::Fn(function) => !is_test(&function.attrs),
            _ => true,
        });
        visit_mut::visit_item_impl_mut(self, block);
    }

    fn visit_attributes_mut(&mut self, attributes: &mut Vec<syn::Attribute>) {
        attributes.retain(|attribute| !attribute.path().is_ident("doc"));
    }
}

fn item_attributes(item: &syn::Item) -> &[syn::Attribute] {
    match item {
        syn::Item::Const(item) => &item.attrs,
        syn::Item::Enum(item) => &item.attrs,
        syn::Item::Fn(item) => &item.attrs,
        syn::Item::Impl(item) => &item.attrs,
        syn::Item::Macro(item) => &item.attrs,
        syn::Item::Mod(item) => &item.attrs,
        syn::Item::Static(item) => &item.attrs,
        syn::Item::Struct(item) => &item.attrs,
        syn::Item::Trait(item) => &item.attrs,
        syn::Item::Type(item) => &item.attrs,
        syn::Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

/// Finds all paths: in types, expressions, patterns and attributes, in the tokens of macros, and each branch of a `use`.
pub fn mentions(tokens: TokenStream) -> Vec<Mention> {
    let mut found = Vec::new();
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    let (mut at, mut is_import) = (0, false);
    while let Some(token) = tokens.get(at) {
        match token {
            TokenTree::Ident(word) if word == "use" => (at, is_import) = (at + 1, true),
            TokenTree::Ident(_) => at = read_path(&tokens, at, &[], is_import, &mut found),
            TokenTree::Group(group) => {
                found.extend(mentions(group.stream()));
                at += 1;
            }
            TokenTree::Punct(punct) => {
                is_import &= punct.as_char() != ';';
                at += 1;
            }
            TokenTree::Literal(_) => at += 1,
        }
    }
    found
}

/// Reads the path that begins at `at`. Returns the position of its end.
fn read_path(
    tokens: &[TokenTree],
    mut at: usize,
    prefix: &[String],
    is_import: bool,
    found: &mut Vec<Mention>,
) -> usize {
    let line = tokens[at].span().start().line;
    let mut segments = prefix.to_vec();
    let end = loop {
        segments.push(tokens[at].to_string().trim_start_matches("r#").to_owned());
        if !is_separator(&tokens[at + 1..]) {
            break at + 1;
        }
        match tokens.get(at + 3) {
            Some(TokenTree::Ident(_)) => at += 3,
            Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Brace => {
                read_branches(group.stream(), &segments, found);
                return at + 4;
            }
            Some(TokenTree::Punct(star)) if star.as_char() == '*' => {
                segments.push("*".to_owned());
                break at + 4;
            }
            _ => break at + 3,
        }
    };
    found.push(Mention { segments, line, is_import });
    end
}

/// Reads the branches of a `use`, `{…}` after `prefix`.
fn read_branches(tokens: TokenStream, prefix: &[String], found: &mut Vec<Mention>) {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    let mut at = 0;
    while let Some(token) = tokens.get(at) {
        at = match token {
            // The new name of a branch.
            TokenTree::Ident(word) if word == "as" => at + 2,
            TokenTree::Ident(_) => read_path(&tokens, at, prefix, true, found),
            TokenTree::Punct(star) if star.as_char() == '*' => {
                let segments = prefix.iter().cloned().chain(["*".to_owned()]).collect();
                found.push(Mention { segments, line: token.span().start().line, is_import: true });
                at + 1
            }
            _ => at + 1,
        };
    }
}

fn is_separator(tokens: &[TokenTree]) -> bool {
    let is_colon = |token: &TokenTree| matches!(token, TokenTree::Punct(punct) if punct.as_char() == ':');
    matches!(tokens, [first, second, ..] if is_colon(first) && is_colon(second))
}
