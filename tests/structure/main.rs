//! The source rules that the compiler does not check. (`docs/design.md` has the reasons.)

mod layers;
mod names;
mod source;

use std::fmt::Display;

use proc_macro2::Span;
use syn::visit::{self, Visit};

use source::{Source, sources};

/// The maximum lines of a file, tests included: a longer one has more than one purpose.
const LONGEST_FILE: usize = 600;

/// The maximum lines of a function, from `fn` to its `}`.
const LONGEST_FUNCTION: usize = 60;

fn place(source: &Source, line: usize, what: impl Display) -> String {
    format!("  src/{}:{line}: {what}", source.path.display())
}

fn assert_none(found: Vec<String>, rule: &str) {
    assert!(found.is_empty(), "{rule}:\n{}", found.join("\n"));
}

#[test]
fn files_stay_short() {
    let long = sources().into_iter().map(|source| (source.text.lines().count(), source));
    let found = long.filter(|(lines, _)| *lines > LONGEST_FILE);
    assert_none(
        found.map(|(lines, source)| place(&source, 1, format!("{lines} lines"))).collect(),
        "one purpose per file",
    );
}

/// The functions of a file, each with its number of lines.
#[derive(Default)]
struct Functions(Vec<(String, usize, usize)>);

impl Functions {
    fn add(&mut self, signature: &syn::Signature, block: &syn::Block) {
        let (start, end) = (start_of(signature.fn_token.span), block.brace_token.span.close().end().line);
        self.0.push((signature.ident.to_string(), start, end + 1 - start));
    }
}

fn start_of(span: Span) -> usize {
    span.start().line
}

impl<'a> Visit<'a> for Functions {
    fn visit_item_fn(&mut self, function: &'a syn::ItemFn) {
        self.add(&function.sig, &function.block);
        visit::visit_item_fn(self, function);
    }

    fn visit_impl_item_fn(&mut self, function: &'a syn::ImplItemFn) {
        self.add(&function.sig, &function.block);
        visit::visit_impl_item_fn(self, function);
    }

    fn visit_trait_item_fn(&mut self, function: &'a syn::TraitItemFn) {
        if let Some(block) = &function.default {
            self.add(&function.sig, block);
        }
        visit::visit_trait_item_fn(self, function);
    }
}

#[test]
fn functions_stay_short() {
    let found = sources().into_iter().flat_map(|source| {
        let mut functions = Functions::default();
        functions.visit_file(&source.syntax);
        let long = functions.0.into_iter().filter(|(_, _, lines)| *lines > LONGEST_FUNCTION);
        long.map(|(name, at, lines)| place(&source, at, format!("{name}: {lines} lines"))).collect::<Vec<_>>()
    });
    assert_none(found.collect(), "a function fits on a page");
}
