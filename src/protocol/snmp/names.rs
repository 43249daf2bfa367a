//! The built-in table of object names, which replaces MIB files.
//!
//! It covers the groups of MIB-2 and their tables, ifXTable, HOST-RESOURCES-MIB, entPhysicalTable, and the load and
//! memory parts of UCD-SNMP-MIB. Other objects are identified by their numbers.

use std::fmt;
use std::sync::LazyLock;

use super::oid::{Oid, OidError, OidRef};

/// One object per line, identifier and name, ordered by identifier.
const TEXT: &str = include_str!("names.txt");

static TABLE: LazyLock<Vec<Object>> = LazyLock::new(|| read(TEXT));

/// The names of the three roots. They are not in the table: they have no module, and an identifier has at least two
/// numbers.
const ROOTS: [&str; 3] = ["ccitt", "iso", "joint-iso-ccitt"];

/// A named object, table or group.
#[derive(Debug)]
pub struct Object {
    /// The MIB module that defines it.
    pub module: &'static str,
    /// The name in that module.
    pub name: &'static str,
    oid: Oid,
    /// The row of the nearest ancestor.
    parent: Option<usize>,
    /// True if other rows are below this one.
    has_children: bool,
}

/// An identifier, and the named object nearest to it.
#[derive(Clone, Copy, Debug)]
pub struct Named<'a> {
    /// The object with this identifier, or the nearest one above it.
    pub object: &'static Object,
    oid: OidRef<'a>,
}

/// The reason why a text does not name an object.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NameError {
    /// The name is not in the table.
    Unknown {
        /// The unknown name.
        name: String,
        /// The most similar name in the table, and its identifier.
        nearest: Option<(&'static str, Oid)>,
    },
    /// The object is in another module.
    WrongModule {
        /// The module in the text.
        module: String,
        /// The name of the object.
        name: &'static str,
        /// The module of the object.
        right: &'static str,
    },
    /// The numbers in the text are not an identifier.
    Number(OidError),
}

impl fmt::Display for NameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NameError::Unknown { name, nearest } => {
                write!(f, "no object `{}` in the built-in table", name.escape_debug())?;
                match nearest {
                    Some((name, oid)) => {
                        write!(f, "; did you mean {name}? Numbers always work: {oid}")
                    }
                    None => f.write_str("; numbers always work, as in 1.3.6.1.2.1.2.2.1.2"),
                }
            }
            NameError::WrongModule { module, name, right } => {
                write!(f, "{name} is in {right}, not in `{}`", module.escape_debug())
            }
            NameError::Number(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for NameError {}

/// Parses a name or numbers into an identifier: `ifDescr`, `ifDescr.1`, `IF-MIB::ifDescr.1`, `1.3.6.1`, `.1.3.6.1`,
/// `iso.3.6.1`.
///
/// `iso`, `1` and `.` alone mean 1.3: an identifier has at least two numbers, and all objects of agents are below 1.3.
///
/// ```
/// use allears::protocol::snmp::names;
///
/// assert_eq!(names::lookup("IF-MIB::ifDescr.1")?.to_string(), "1.3.6.1.2.1.2.2.1.2.1");
/// assert!(names::lookup("ifDesc").is_err_and(|error| error.to_string().contains("did you mean ifDescr?")));
/// # Ok::<(), names::NameError>(())
/// ```
///
/// # Errors
/// The text is neither a name in the table nor an identifier.
pub fn lookup(text: &str) -> Result<Oid, NameError> {
    let text = match text {
        "." | "1" | ".1" => "1.3",
        _ => text.strip_prefix('.').unwrap_or(text),
    };
    if text.is_empty() || text.starts_with(|first: char| first.is_ascii_digit()) {
        return text.parse().map_err(NameError::Number);
    }
    let (module, rest) = text.split_once("::").map_or((None, text), |(module, rest)| (Some(module), rest));
    let (name, instance) =
        rest.split_once('.').map_or((rest, None), |(name, instance)| (name, Some(instance)));
    if let Some(root) = ROOTS.iter().position(|root| *root == name) {
        return format!("{root}.{}", instance.unwrap_or("3")).parse().map_err(NameError::Number);
    }
    let Some(object) = TABLE.iter().find(|object| object.name == name) else {
        let nearest = nearest(name).map(|object| (object.name, object.oid.clone()));
        return Err(NameError::Unknown { name: name.into(), nearest });
    };
    if let Some(module) = module.filter(|module| *module != object.module) {
        return Err(NameError::WrongModule {
            module: module.into(),
            name: object.name,
            right: object.module,
        });
    }
    match instance {
        Some(instance) => format!("{}.{instance}", object.oid).parse().map_err(NameError::Number),
        None => Ok(object.oid.clone()),
    }
}

/// Finds the named object that is nearest to an identifier, if one is at or above it.
pub fn name_of(oid: OidRef<'_>) -> Option<Named<'_>> {
    // Rows are in order, so every ancestor of `oid` is before it; the rows in between are descendants of that ancestor.
    let mut row = TABLE.partition_point(|object| object.oid() <= oid).checked_sub(1);
    while let Some(object) = row.and_then(|row| TABLE.get(row)) {
        if oid.is_within(object.oid()) {
            return Some(Named { object, oid });
        }
        row = object.parent;
    }
    None
}

/// Returns the name of an identifier's first number, and the other numbers, for identifiers without another name.
pub fn root_of(oid: OidRef<'_>) -> (&'static str, impl Iterator<Item = u32>) {
    let mut arcs = oid.arcs();
    let root = arcs.next().and_then(|arc| ROOTS.get(arc as usize));
    (root.copied().unwrap_or(ROOTS[0]), arcs)
}

impl Object {
    /// Returns the identifier.
    pub fn oid(&self) -> OidRef<'_> {
        self.oid.as_oid()
    }

    /// Returns the parent: the entry of a column, or the group of a scalar.
    pub fn parent(&self) -> Option<&'static Object> {
        self.parent.and_then(|row| TABLE.get(row))
    }

    /// Returns whether this is a scalar or a column, so that its children are instances.
    pub fn is_leaf(&self) -> bool {
        !self.has_children
    }

    /// Returns whether this is a column of a table.
    pub fn is_column(&self) -> bool {
        self.is_leaf() && self.parent().is_some_and(Object::is_entry)
    }

    /// Returns the table of a column, or the group of any other object.
    pub fn group(&self) -> Option<&'static Object> {
        let parent = self.parent()?;
        if parent.is_entry() { parent.parent() } else { Some(parent) }
    }

    /// Returns whether this is a row of a table: all MIBs in the table name it `...Entry`.
    fn is_entry(&self) -> bool {
        self.name.ends_with("Entry")
    }
}

impl<'a> Named<'a> {
    /// Returns the numbers after the object's identifier.
    pub fn instance(&self) -> impl Iterator<Item = u32> + 'a {
        self.oid.below(self.object.oid()).into_iter().flatten()
    }
}

/// Writes the name as net-snmp does: `IF-MIB::ifDescr.1`.
impl fmt::Display for Named<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}::{}", self.object.module, self.object.name)?;
        self.instance().try_for_each(|arc| write!(f, ".{arc}"))
    }
}

fn read(text: &'static str) -> Vec<Object> {
    let mut rows: Vec<Object> = Vec::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let Some((number, (module, name))) =
            line.split_once(' ').and_then(|(number, name)| Some((number, name.split_once("::")?)))
        else {
            continue;
        };
        let Ok(oid) = number.parse::<Oid>() else { continue };
        let parent = rows.iter().rposition(|above| oid.is_within(above.oid()));
        if let Some(above) = parent.and_then(|parent| rows.get_mut(parent)) {
            above.has_children = true;
        }
        rows.push(Object { module, name, oid, parent, has_children: false });
    }
    rows
}

/// Finds the object with the most similar name; `None` if no name is similar enough.
fn nearest(name: &str) -> Option<&'static Object> {
    let wanted = name.to_ascii_lowercase();
    let most = 1 + wanted.len() / 4;
    // No name in the table is nearly that long: skip the slow comparison.
    if wanted.len() > 64 {
        return None;
    }
    let near = |object: &'static Object| (distance(&wanted, &object.name.to_ascii_lowercase()), object);
    let (distance, object) = TABLE.iter().map(near).min_by_key(|(distance, _)| *distance)?;
    (distance <= most).then_some(object)
}

/// Returns the Levenshtein distance: the number of letters to insert, remove or replace.
fn distance(one: &str, other: &str) -> usize {
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (at, mine) in one.bytes().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], at + 1);
        for (column, theirs) in other.bytes().enumerate() {
            let replaced = diagonal + usize::from(mine != theirs);
            diagonal = row[column + 1];
            row[column + 1] = replaced.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row[other.len()]
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn found(text: &str) -> String {
        lookup(text).expect("an object").to_string()
    }

    fn named(text: &str) -> Option<String> {
        name_of(lookup(text).expect("an object").as_oid()).map(|named| named.to_string())
    }

    #[test]
    fn every_line_is_an_object_and_lines_are_ordered() {
        let lines = TEXT.lines().filter(|line| !line.starts_with('#')).count();
        assert_eq!(TABLE.len(), lines);
        assert!(TABLE.is_sorted_by(|one, next| one.oid < next.oid));
        for object in TABLE.iter() {
            assert_eq!(lookup(object.name), Ok(object.oid.clone()), "{} is in the table twice", object.name);
            assert!(!ROOTS.contains(&object.name));
        }
    }

    #[test]
    fn names_are_found_in_every_notation() {
        for text in [
            "ifDescr.1",
            "IF-MIB::ifDescr.1",
            "1.3.6.1.2.1.2.2.1.2.1",
            ".1.3.6.1.2.1.2.2.1.2.1",
            "iso.3.6.1.2.1.2.2.1.2.1",
            ".iso.3.6.1.2.1.2.2.1.2.1",
            "mib-2.2.2.1.2.1",
            "ifTable.1.2.1",
        ] {
            assert_eq!(found(text), "1.3.6.1.2.1.2.2.1.2.1", "{text}");
        }
        assert_eq!(found("sysName.0"), "1.3.6.1.2.1.1.5.0");
        assert_eq!(found("enterprises"), "1.3.6.1.4.1");
        assert_eq!(found("iso"), "1.3");
        assert_eq!(found("joint-iso-ccitt.999.1"), "2.999.1");
    }

    #[test]
    fn the_nearest_name_is_followed_by_numbers() {
        for (text, name) in [
            ("1.3.6.1.2.1.1.1.0", "SNMPv2-MIB::sysDescr.0"),
            ("1.3.6.1.2.1.2.2.1.10.7", "IF-MIB::ifInOctets.7"),
            ("1.3.6.1.2.1.2.2.1.99.7", "IF-MIB::ifEntry.99.7"),
            ("1.3.6.1.2.1.31.1.1.1.6.7", "IF-MIB::ifHCInOctets.7"),
            ("1.3.6.1.2.1.4.20.1.1.127.0.0.1", "IP-MIB::ipAdEntAddr.127.0.0.1"),
            ("1.3.6.1.4.1.8072.3.2.10", "NET-SNMP-TC::linux"),
            ("1.3.6.1.4.1.99999.1", "SNMPv2-SMI::enterprises.99999.1"),
            ("1.3.6.1.4.1.2021.10.1.3.1", "UCD-SNMP-MIB::laLoad.1"),
            ("0.0", "SNMPv2-SMI::zeroDotZero"),
            ("1.3", "SNMPv2-SMI::org"),
        ] {
            assert_eq!(named(text).as_deref(), Some(name));
        }
        for text in ["1.2.840", "0.1", "2.5.3", "1.4"] {
            assert_eq!(named(text), None, "{text}");
        }
        assert!(name_of(OidRef::from_ber(&[])).is_none_or(|named| named.object.name == "zeroDotZero"));
    }

    #[test]
    fn columns_are_in_tables_and_scalars_in_groups() {
        let place = |text: &str| {
            let oid = lookup(text).expect("an object");
            let object = name_of(oid.as_oid()).expect("named").object;
            (object.is_column(), object.is_leaf(), object.group().map(|group| group.name))
        };
        assert_eq!(place("ifInOctets.1"), (true, true, Some("ifTable")));
        assert_eq!(place("ifHCInOctets"), (true, true, Some("ifXTable")));
        assert_eq!(place("sysDescr.0"), (false, true, Some("system")));
        assert_eq!(place("hrMemorySize.0"), (false, true, Some("hrStorage")));
        assert_eq!(place("memTotalReal.0"), (false, true, Some("memory")));
        assert_eq!(place("ifEntry.99.1"), (false, false, Some("ifTable")));
    }

    #[test]
    fn unknown_names_get_a_suggestion() {
        let error = |text: &str| lookup(text).expect_err("no object").to_string();
        assert_eq!(
            error("ifDesc"),
            "no object `ifDesc` in the built-in table; did you mean ifDescr? Numbers always work: \
             1.3.6.1.2.1.2.2.1.2"
        );
        assert!(error("SYSNAME.0").contains("did you mean sysName?"));
        assert!(error("ifHcInOctet").contains("did you mean ifHCInOctets?"));
        assert_eq!(
            error("somethingElse"),
            "no object `somethingElse` in the built-in table; numbers always work, as in 1.3.6.1.2.1.2.2.1.2"
        );
        assert_eq!(error("SNMPv2-MIB::ifDescr"), "ifDescr is in IF-MIB, not in `SNMPv2-MIB`");
        assert_eq!(error("sysName.x"), error("1.x"));
        assert_eq!(error("sysName."), error("1.x"));
        assert_eq!(error(""), error("1.x"));
        assert!(!error(&"x".repeat(100_000)).contains("mean"));
    }

    proptest! {
        #[test]
        fn no_typed_or_received_name_causes_a_panic(
            text in "(IF-MIB::|\\.)?(ifDescr|iso|[a-zA-Z0-9:.é]{0,20})(\\.[0-9]{0,11}){0,3}",
            bytes in proptest::collection::vec(any::<u8>(), 0..24),
        ) {
            if let Err(error) = lookup(&text) {
                prop_assert!(!error.to_string().is_empty());
            }
            let oid = OidRef::from_ber(&bytes);
            if let Some(named) = name_of(oid) {
                prop_assert!(oid.is_within(named.object.oid()) && !named.to_string().is_empty());
            }
            prop_assert!(root_of(oid).1.count() <= bytes.len() + 1);
        }

        #[test]
        fn the_nearest_name_is_the_one_that_a_full_search_finds(
            row in 0..TABLE.len(), more in proptest::collection::vec(any::<u32>(), 0..4),
        ) {
            let oid = more.iter().fold(TABLE[row].oid.clone(), |oid, &arc| oid.child(arc % 40));
            let longest = TABLE.iter().filter(|object| oid.is_within(object.oid()))
                .max_by_key(|object| object.oid().as_ber().len()).expect("at least that row");
            prop_assert_eq!(name_of(oid.as_oid()).map(|named| named.object.name), Some(longest.name));
        }
    }
}
