//! Protects the files that a command line names: an output must not overwrite an input or another output.

use std::fs::{self, Metadata};
#[cfg(unix)]
use std::io;
use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::{Arg, ArgMatches, Command, ValueHint};

use super::exit::Usage;
use super::output::is_standard_output;

/// The arguments that name files to write. All others with the hint [`ValueHint::FilePath`] name files to read.
const WRITTEN: [&str; 6] = ["to", "stats", "plot", "engine_cache", "targets", "server_stats"];
/// The maximum number of symbolic links that are followed to a file, as on Linux.
const MAX_LINKS: usize = 40;

/// A file of the command line, or a standard stream.
struct NamedFile {
    /// Its name in messages: `hosts.txt (--input)`, `standard output`.
    name: String,
    is_stream: bool,
    written: bool,
    identity: FileIdentity,
}

/// The identity of a file, which is the same under all its names.
#[derive(PartialEq, Eq)]
enum FileIdentity {
    /// Device and inode of a file that exists.
    Inode(u64, u64),
    /// The path at which it will be created; or at which it is, on a system without inodes.
    Place(PathBuf),
    Directory,
    /// Not a regular file: a terminal, a pipe, `/dev/null`.
    Stream,
}

/// Refuses an output that is a directory, an input or another output. `matches` are those of `command`.
///
/// # Errors
/// Names the file that would be lost ([`Usage`]).
pub fn refuse_to_lose(mut command: &Command, mut matches: &ArgMatches) -> Result<()> {
    while let Some((name, inner)) = matches.subcommand() {
        let Some(subcommand) = command.find_subcommand(name) else { break };
        (command, matches) = (subcommand, inner);
    }
    let mut files: Vec<NamedFile> = vec![];
    for arg in command.get_arguments().filter(|arg| arg.get_value_hint() == ValueHint::FilePath) {
        let paths = matches.get_raw(arg.get_id().as_str()).into_iter().flatten();
        files.extend(paths.filter_map(|path| NamedFile::new(arg, Path::new(path))));
    }
    if let Some(folder) = files.iter().find(|file| file.written && file.identity == FileIdentity::Directory) {
        return Err(Usage(format!("cannot write {}: it is a directory", folder.name)).into());
    }
    files.extend(standard_streams());
    for (place, written) in files.iter().enumerate().filter(|(_, file)| file.written) {
        let others = files.iter().enumerate().filter(|(other, _)| *other != place);
        if let Some((_, other)) = others.into_iter().find(|(_, other)| other.is_lost_by(written)) {
            return Err(Usage(format!("cannot write {}: it is also {}", written.name, other.name)).into());
        }
    }
    Ok(())
}

impl NamedFile {
    /// Returns `None` for a standard stream.
    fn new(arg: &Arg, path: &Path) -> Option<NamedFile> {
        let id = arg.get_id().as_str();
        let written = WRITTEN.contains(&id);
        if written && is_standard_output(path) {
            return None;
        }
        if path == Path::new("-") {
            return standard_input(arg.get_long().unwrap_or(id));
        }
        let name = format!("{} (--{})", path.display(), arg.get_long().unwrap_or(id));
        Some(NamedFile { name, is_stream: false, written, identity: FileIdentity::of(path) })
    }

    /// Returns whether writing `written` would overwrite this file. Standard streams may share one: `>log 2>&1`.
    fn is_lost_by(&self, written: &NamedFile) -> bool {
        let is_same = self.identity == written.identity && self.identity != FileIdentity::Stream;
        is_same && !(self.is_stream && written.is_stream)
    }
}

/// Returns standard input as a file that the argument `--long -` reads.
fn standard_input(long: &str) -> Option<NamedFile> {
    let input = standard_streams().into_iter().find(|stream| !stream.written)?;
    Some(NamedFile { name: format!("standard input (--{long})"), is_stream: false, ..input })
}

/// Returns the standard streams that are files.
#[cfg(unix)]
fn standard_streams() -> Vec<NamedFile> {
    use std::fs::File;
    use std::os::fd::AsFd;
    let (input, output, error) = (io::stdin(), io::stdout(), io::stderr());
    let streams = [("input", input.as_fd()), ("output", output.as_fd()), ("error", error.as_fd())];
    let stream = |(name, fd): (&str, std::os::fd::BorrowedFd<'_>)| {
        let metadata = File::from(fd.try_clone_to_owned().ok()?).metadata().ok()?;
        Some(NamedFile {
            name: format!("standard {name}"),
            is_stream: true,
            written: name != "input",
            identity: FileIdentity::of_file(&metadata, Path::new("")),
        })
    };
    streams.into_iter().filter_map(stream).collect()
}

#[cfg(not(unix))]
fn standard_streams() -> Vec<NamedFile> {
    vec![]
}

impl FileIdentity {
    fn of(path: &Path) -> FileIdentity {
        match fs::metadata(path) {
            Ok(metadata) => FileIdentity::of_file(&metadata, path),
            Err(_) => FileIdentity::of_place(path.to_owned()),
        }
    }

    #[cfg(unix)]
    fn of_file(metadata: &Metadata, _: &Path) -> FileIdentity {
        use std::os::unix::fs::MetadataExt;
        FileIdentity::of_kind(metadata).unwrap_or(FileIdentity::Inode(metadata.dev(), metadata.ino()))
    }

    #[cfg(not(unix))]
    fn of_file(metadata: &Metadata, path: &Path) -> FileIdentity {
        let place = || path.canonicalize().unwrap_or_else(|_| path.to_owned());
        FileIdentity::of_kind(metadata).unwrap_or_else(|| FileIdentity::Place(place()))
    }

    fn of_kind(metadata: &Metadata) -> Option<FileIdentity> {
        match metadata {
            _ if metadata.is_dir() => Some(FileIdentity::Directory),
            _ if metadata.is_file() => None,
            _ => Some(FileIdentity::Stream),
        }
    }

    /// Identifies a file that does not exist by the place where it would be created, following symbolic links.
    fn of_place(mut path: PathBuf) -> FileIdentity {
        // The system would take it for a directory.
        if path.as_os_str().as_encoded_bytes().ends_with(b"/") {
            return FileIdentity::Directory;
        }
        for _ in 0..MAX_LINKS {
            let Ok(target) = fs::read_link(&path) else { break };
            path = path.parent().unwrap_or(Path::new("")).join(target);
        }
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let folder = folder.unwrap_or(Path::new(".")).canonicalize();
        match (folder, path.file_name()) {
            (Ok(folder), Some(name)) => FileIdentity::Place(folder.join(name)),
            // It cannot be opened either.
            _ => FileIdentity::Place(path),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::Cli;
    use clap::CommandFactory;

    /// The arguments that name files to read.
    const READ: [&str; 6] = ["input", "oid_files", "secrets", "file", "games_file", "servers"];

    fn check(command: &Command) {
        for arg in command.get_arguments().filter(|arg| arg.get_value_hint() == ValueHint::FilePath) {
            let id = arg.get_id().as_str();
            assert!(
                READ.contains(&id) != WRITTEN.contains(&id),
                "{}: is --{id} read or written?",
                command.get_name()
            );
        }
        command.get_subcommands().for_each(check);
    }

    #[test]
    fn every_file_argument_is_listed_as_read_or_written() {
        check(&Cli::command());
    }

    fn refusal(args: &[&str]) -> Option<String> {
        let mut command = Cli::command();
        let matches = command.try_get_matches_from_mut(args).expect("an understood command line");
        refuse_to_lose(&command, &matches).err().map(|error| error.to_string())
    }

    #[test]
    fn different_files_are_accepted() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = |name: &str| folder.path().join(name).to_str().expect("UTF-8").to_owned();
        let (list, to, stats) = (path("list"), path("to"), path("stats"));
        fs::write(&list, "").expect("written");
        let probe = ["allears", "probe", "--text", "x", "-i", &list, "-i", &list];
        assert_eq!(refusal(&[&probe[..], &["--to", &to, "--stats", &stats]].concat()), None);
        assert_eq!(refusal(&[&probe[..], &["--to", "-", "--stats", "-"]].concat()), None);
        assert_eq!(refusal(&[&probe[..], &["--to", "/dev/null", "--stats", "/dev/null"]].concat()), None);
        let refused = refusal(&[&probe[..], &["--to", &to, "--stats", &to]].concat());
        assert_eq!(refused, Some(format!("cannot write {to} (--to): it is also {to} (--stats)")));
    }
}
