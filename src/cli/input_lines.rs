//! Lines of a file or of standard input: of bounded length, with any bytes.

use std::fmt;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Cursor, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Error, Result, bail};

/// The longest valid line in bytes. Longer lines are truncated.
pub const MAX_LINE: usize = 1024;

/// An input that is read line by line; if it was spooled, more than once.
pub struct Input {
    /// The path as typed; `stdin` for `-`.
    pub name: String,
    origin: Origin,
}

enum Origin {
    Stdin,
    File(PathBuf),
    Spooled(Arc<[u8]>),
}

/// The place of a line in messages: `hosts.txt:17` or `argument 2`.
#[derive(Clone, Copy, Debug)]
pub enum LinePlace<'a> {
    /// The index of an argument.
    Argument(usize),
    /// The name of an input, and the number of the line, 1 for the first.
    Input(&'a str, u64),
}

impl fmt::Display for LinePlace<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LinePlace::Argument(index) => write!(f, "argument {}", index + 1),
            LinePlace::Input(name, number) => write!(f, "{name}:{number}"),
        }
    }
}

/// An event in reading lines.
pub enum LineEvent<'a> {
    /// A line, without its end and truncated to [`MAX_LINE`] + 1 bytes, and its place.
    Line(&'a [u8], LinePlace<'a>),
    /// Reading the next line may block.
    Pause,
    /// An input cannot be read to its end.
    Failed(Error),
}

/// Reads the arguments, then the lines of all files, and passes each to `take`, until that fails.
pub fn read_lines<E>(
    arguments: &[String],
    files: &[Input],
    mut take: impl FnMut(LineEvent<'_>) -> Result<(), E>,
) -> Result<(), E> {
    for (index, argument) in arguments.iter().enumerate() {
        take(LineEvent::Line(argument.as_bytes(), LinePlace::Argument(index)))?;
    }
    let mut line = vec![];
    for file in files {
        let failed =
            |error| LineEvent::Failed(Error::new(error).context(format!("cannot read {}", file.name)));
        let mut lines = match file.lines() {
            Ok(lines) => lines,
            Err(error) => {
                take(failed(error))?;
                continue;
            }
        };
        for number in 1u64.. {
            if lines.may_wait() {
                take(LineEvent::Pause)?;
            }
            match lines.next(&mut line) {
                Ok(true) => take(LineEvent::Line(&line, LinePlace::Input(&file.name, number)))?,
                Ok(false) => break,
                Err(error) => {
                    take(failed(error))?;
                    break;
                }
            }
        }
    }
    Ok(())
}

/// The lines of one input.
struct Lines {
    reader: BufReader<Box<dyn Read + Send>>,
}

impl Input {
    /// Opens `path`; `-` is standard input. With `twice`, an input that cannot be read a second time is read into
    /// memory.
    ///
    /// # Errors
    /// The input cannot be opened, or is a directory.
    pub fn open(path: &Path, twice: bool) -> Result<Input> {
        if path.as_os_str() == "-" {
            let origin = if twice { spool(&mut io::stdin().lock(), "stdin")? } else { Origin::Stdin };
            return Ok(Input { name: "stdin".into(), origin });
        }
        let name = path.display().to_string();
        let mut file = File::open(path).with_context(|| format!("cannot open {name}"))?;
        let kind = file.metadata().with_context(|| format!("cannot open {name}"))?;
        if kind.is_dir() {
            bail!("cannot read {name}: it is a directory");
        }
        let origin = match twice && !kind.is_file() {
            true => spool(&mut file, &name)?,
            false => Origin::File(path.to_owned()),
        };
        Ok(Input { name, origin })
    }

    /// Returns its lines from the first on.
    fn lines(&self) -> io::Result<Lines> {
        let reader: Box<dyn Read + Send> = match &self.origin {
            Origin::Stdin => Box::new(io::stdin()),
            Origin::File(path) => Box::new(File::open(path)?),
            Origin::Spooled(bytes) => Box::new(Cursor::new(bytes.clone())),
        };
        Ok(Lines { reader: BufReader::with_capacity(16 << 10, reader) })
    }
}

impl Lines {
    /// Returns whether reading the next line may block.
    fn may_wait(&self) -> bool {
        !self.reader.buffer().contains(&b'\n')
    }

    /// Reads the next line into `line`, without its end and at most [`MAX_LINE`] + 1 bytes of it. Returns false at the
    /// end of the input.
    fn next(&mut self, line: &mut Vec<u8>) -> io::Result<bool> {
        line.clear();
        let mut any = false;
        loop {
            let buffered = match self.reader.fill_buf() {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                result => result?,
            };
            if buffered.is_empty() {
                return Ok(any);
            }
            any = true;
            let end = buffered.iter().position(|&byte| byte == b'\n');
            let text = &buffered[..end.unwrap_or(buffered.len())];
            line.extend(text.iter().take((MAX_LINE + 1).saturating_sub(line.len())));
            let used = text.len() + usize::from(end.is_some());
            self.reader.consume(used);
            if end.is_some() {
                return Ok(true);
            }
        }
    }
}

fn spool(from: &mut dyn Read, name: &str) -> Result<Origin> {
    let mut bytes = vec![];
    from.read_to_end(&mut bytes).with_context(|| format!("cannot read {name}"))?;
    Ok(Origin::Spooled(bytes.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines_of(bytes: &[u8]) -> Vec<Vec<u8>> {
        let input = Input { name: "test".into(), origin: Origin::Spooled(bytes.into()) };
        let mut lines = input.lines().expect("memory");
        let (mut line, mut all) = (vec![], vec![]);
        while lines.next(&mut line).expect("memory") {
            all.push(line.clone());
        }
        all
    }

    #[test]
    fn the_last_line_needs_no_line_break() {
        assert_eq!(lines_of(b"a\n\nb"), [b"a".to_vec(), vec![], b"b".to_vec()]);
        assert_eq!(lines_of(b"a\n"), [b"a".to_vec()]);
        assert!(lines_of(b"").is_empty());
    }

    #[test]
    fn a_line_that_is_too_long_is_truncated_and_the_next_one_is_complete() {
        let mut bytes = vec![b'x'; 100_000];
        bytes.extend(b"\nnext");
        let lines = lines_of(&bytes);
        assert_eq!((lines[0].len(), lines[1].as_slice()), (MAX_LINE + 1, b"next".as_slice()));
    }
}
