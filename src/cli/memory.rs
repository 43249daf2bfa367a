//! The memory that a sweep may use, and its parts.

use std::fs;
use std::path::Path;

use allears::net;

/// The default maximum.
const DEFAULT_MAX: u64 = 1 << 30;
/// The minimum with which a sweep works.
pub const LEAST: u64 = 1 << 20;
/// The memory of a query in bytes, including the places where it waits.
const QUERY: u64 = 1 << 10;
/// The number of queries that the engine keeps for each place in its ring: in it, or held back by a limit.
const QUERIES_PER_PLACE: u64 = 17;
/// The largest datagram.
const DATAGRAM: u64 = 64 << 10;

/// The memory that a sweep may use: a half for answers until they are written, a quarter for replies that wait in the
/// receive buffer, an eighth for queries, and an eighth for results that wait to be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Memory {
    bytes: u64,
    /// The memory that this process may use; `None` if it is unknown, or if the user has set a size.
    pub usable: Option<u64>,
}

impl Memory {
    /// Returns `wanted`, or else a quarter of the memory that this process may use, at most 1 GiB.
    pub fn new(wanted: Option<usize>) -> Memory {
        if let Some(wanted) = wanted {
            return Memory { bytes: wanted as u64, usable: None };
        }
        let usable = limit(Path::new("/"));
        let bytes = usable.map_or(DEFAULT_MAX, |usable| (usable / 4).clamp(LEAST, DEFAULT_MAX));
        Memory { bytes, usable }
    }

    /// Returns the size of the receive buffer to request, as the system counts it. It limits the window, too.
    pub fn receive_buffer(self) -> usize {
        size(self.bytes / 4).min(net::LARGEST_BUFFER)
    }

    /// Returns how far ahead targets are read, at most `ring`.
    pub fn ring(self, ring: usize) -> usize {
        size(self.bytes / 8 / (QUERY * QUERIES_PER_PLACE)).clamp(ring.min(16), ring)
    }

    /// Returns how many bytes all answers that span several datagrams may take, before the largest ones are cut.
    /// Together they never take more than twice that.
    pub fn answers(self) -> usize {
        size(self.bytes / 4)
    }

    /// Returns how many answers of a single datagram may wait while results are written slowly.
    pub fn datagrams(self) -> usize {
        size(self.bytes / 4 / DATAGRAM).max(1)
    }

    /// Returns how many bytes of results may wait to be written.
    pub fn results(self) -> usize {
        size(self.bytes / 8)
    }
}

fn size(bytes: u64) -> usize {
    usize::try_from(bytes).unwrap_or(usize::MAX)
}

/// Returns the memory that this process may use: the minimum of the machine's memory, the limits of its control groups,
/// and the limit of its address space (`ulimit -v`). `None` if nothing is known, as on systems without /proc.
fn limit(root: &Path) -> Option<u64> {
    let machine = read(root, "proc/meminfo").and_then(|text| kib_after(&text, "MemTotal:"));
    let address_space = read(root, "proc/self/limits").and_then(|text| soft_limit(&text));
    group_limits(root).into_iter().chain(machine).chain(address_space).min()
}

fn read(root: &Path, path: impl AsRef<Path>) -> Option<String> {
    fs::read_to_string(root.join(path)).ok()
}

/// Parses a line of proc_meminfo(5), such as `MemTotal:  16316484 kB`.
fn kib_after(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.trim().strip_suffix(" kB")?.parse::<u64>().ok()?.checked_mul(1024)
}

/// Returns the soft limit of the address space in proc_pid_limits(5); `None` if it is `unlimited`.
fn soft_limit(text: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix("Max address space"))?;
    line.split_whitespace().next()?.parse().ok()
}

/// Returns the limits of this process's control groups, and of all groups above them: cgroups(7), v1 and v2.
fn group_limits(root: &Path) -> Vec<u64> {
    let groups = read(root, "proc/self/cgroup").unwrap_or_default();
    let mounts = read(root, "proc/self/mountinfo").unwrap_or_default();
    let mut limits = vec![];
    for (mounted_at, group, file) in mounts.lines().filter_map(|mount| memory_group(mount, &groups)) {
        let folder = mounted_at.join(group);
        let folders = folder.ancestors().take_while(|folder| folder.starts_with(mounted_at));
        let limit = |folder: &Path| read(root, folder.join(file))?.trim().parse::<u64>().ok();
        limits.extend(folders.filter_map(limit));
    }
    limits
}

/// Parses a line of proc_pid_mountinfo(5). For a hierarchy that limits memory, returns where it is mounted, this
/// process's group in it according to proc_pid_cgroup(5), and the name of the file with the limit.
fn memory_group<'a>(mount: &'a str, groups: &'a str) -> Option<(&'a Path, &'a Path, &'static str)> {
    let (place, hierarchy) = mount.split_once(" - ")?;
    let mut place = place.split(' ').skip(3);
    let (root, mounted_at) = (Path::new(place.next()?), Path::new(place.next()?));
    let mut hierarchy = hierarchy.split(' ');
    let (kind, options) = (hierarchy.next()?, hierarchy.next_back()?);
    let (controller, file) = match kind {
        "cgroup2" => ("", "memory.max"),
        "cgroup" if options.split(',').any(|option| option == "memory") => {
            ("memory", "memory.limit_in_bytes")
        }
        _ => return None,
    };
    let group = groups.lines().find_map(|line| {
        let (controllers, group) = line.split_once(':')?.1.split_once(':')?;
        controllers.split(',').any(|one| one == controller).then_some(Path::new(group))
    });
    // In a container, the group may lie outside of what is mounted. Then the top of the mount is all that can be seen.
    let group = group.and_then(|group| group.strip_prefix(root).ok()).unwrap_or(Path::new(""));
    Some((mounted_at.strip_prefix("/").ok()?, group, file))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the limit of a system with these files.
    fn limit_with(files: &[(&str, &str)]) -> Option<u64> {
        let root = tempfile::tempdir().expect("a temporary folder");
        for (path, text) in files {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().expect("a folder")).expect("made");
            fs::write(path, text).expect("written");
        }
        limit(root.path())
    }

    const MACHINE: (&str, &str) = ("proc/meminfo", "MemTotal:       16316484 kB\nMemFree:  1 kB\n");
    const V2: (&str, &str) =
        ("proc/self/mountinfo", "30 23 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n");

    #[test]
    fn the_machine_or_the_address_space_is_the_limit_if_there_are_no_groups() {
        let limits =
            |soft| format!("Limit   Soft  Hard  Units\nMax address space     {soft}    unlimited   bytes\n");
        assert_eq!(limit_with(&[]), None);
        assert_eq!(limit_with(&[MACHINE]), Some(16_316_484 << 10));
        let unlimited = limits("unlimited");
        assert_eq!(limit_with(&[MACHINE, ("proc/self/limits", &unlimited)]), Some(16_316_484 << 10));
        assert_eq!(limit_with(&[MACHINE, ("proc/self/limits", &limits("16777216"))]), Some(16 << 20));
    }

    #[test]
    fn the_tightest_group_above_this_process_is_the_limit() {
        let group = ("proc/self/cgroup", "0::/a.slice/b.service\n");
        let unlimited = ("sys/fs/cgroup/a.slice/b.service/memory.max", "max\n");
        assert_eq!(limit_with(&[MACHINE, V2, group, unlimited]), Some(16_316_484 << 10));
        let above = ("sys/fs/cgroup/a.slice/memory.max", "33554432\n");
        assert_eq!(limit_with(&[MACHINE, V2, group, unlimited, above]), Some(32 << 20));
        let tighter = ("sys/fs/cgroup/a.slice/b.service/memory.max", "16777216\n");
        assert_eq!(limit_with(&[MACHINE, V2, group, tighter, above]), Some(16 << 20));
        let other = ("sys/fs/cgroup/other/memory.max", "1\n");
        assert_eq!(limit_with(&[MACHINE, V2, group, other]), Some(16_316_484 << 10));
    }

    #[test]
    fn groups_of_v1_and_of_containers_are_found() {
        let mounts = "31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw,mode=755\n\
                      32 31 0:29 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n\
                      35 31 0:32 / /sys/fs/cgroup/memory rw shared:9 - cgroup cgroup rw,memory\n";
        let group = ("proc/self/cgroup", "5:cpu:/x\n4:memory:/a/b\n0::/\n");
        let none = ("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
        let limited = ("sys/fs/cgroup/memory/a/memory.limit_in_bytes", "16777216\n");
        let v1 = ("proc/self/mountinfo", mounts);
        assert_eq!(limit_with(&[MACHINE, v1, group, none]), Some(16_316_484 << 10));
        assert_eq!(limit_with(&[MACHINE, v1, group, none, limited]), Some(16 << 20));
        // The container's own group is mounted, or the group lies outside of its namespace.
        let inner = mounts.replace(" / /sys/fs/cgroup/memory ", " /a/b /sys/fs/cgroup/memory ");
        let top = ("sys/fs/cgroup/memory/memory.limit_in_bytes", "8388608\n");
        assert_eq!(limit_with(&[MACHINE, ("proc/self/mountinfo", &inner), group, top]), Some(8 << 20));
        let outside = ("proc/self/cgroup", "0::/../other\n");
        assert_eq!(limit_with(&[V2, outside, ("sys/fs/cgroup/memory.max", "8388608\n")]), Some(8 << 20));
    }

    #[test]
    fn the_parts_of_small_and_large_memories_fit() {
        let parts = |bytes| {
            let memory = Memory::new(Some(bytes));
            [
                memory.receive_buffer(),
                memory.ring(4096),
                memory.answers(),
                memory.results(),
                memory.datagrams(),
            ]
        };
        assert_eq!(parts(4 << 20), [1 << 20, 30, 1 << 20, 512 << 10, 16]);
        assert_eq!(parts(1 << 30), [64 << 20, 4096, 256 << 20, 128 << 20, 4096]);
        assert_eq!(parts(1 << 20)[1], 16);
    }
}
