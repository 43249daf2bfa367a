//! The faults of a protocol's hosts, each with its name.

/// Returns the names of `N` faults.
pub(super) const fn fault_names<F, const N: usize>(faults: &[(&'static str, F)]) -> [&'static str; N] {
    assert!(faults.len() == N, "one name for each fault");
    let mut names = [""; N];
    let mut at = 0;
    while at < N {
        names[at] = faults[at].0;
        at += 1;
    }
    names
}

/// Returns the fault with this name.
pub(super) fn fault_named<F: Copy>(name: &str, faults: &[(&str, F)]) -> Option<F> {
    faults.iter().find(|(other, _)| *other == name).map(|(_, fault)| *fault)
}
