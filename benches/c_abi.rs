//! Compares the C library with the Rust API: the same exchanges with the same responder, alternately in one run. Only the
//! ratio is meaningful.
//!
//! `make lib && cargo bench --bench c_abi`. The C program is compiled here, and linked with the library of `make lib`.

#[cfg(target_os = "linux")]
#[path = "loop/cost.rs"]
mod cost;
#[cfg(target_os = "linux")]
#[path = "loop/responder.rs"]
mod responder;

#[cfg(target_os = "linux")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    if std::env::args().nth(1).as_deref() == Some(responder::ARGUMENT) {
        return Ok(responder::run()?);
    }
    linux::main()
}

#[cfg(not(target_os = "linux"))]
fn main() {
    eprintln!("this bench needs Linux");
}

#[cfg(target_os = "linux")]
mod linux {
    use std::net::{Ipv4Addr, SocketAddr};
    use std::path::{Path, PathBuf};
    use std::process::Command;
    use std::time::Duration;

    use allears::engine::{Config, Engine, Outcome, Timeout};
    use allears::net::{self, Net, Options};
    use allears::protocol::raw::{Payload, Raw};

    use super::cost::{Cost, Error, median};
    use super::responder;

    const ROUNDS: usize = 9;
    const EXCHANGES: u32 = 100_000;
    const HOSTS: u32 = 2_000;
    const WINDOW: u32 = 1_024;

    pub fn main() -> Result<(), Error> {
        let folder = tempfile::tempdir()?;
        let program = compile(folder.path())?;
        responder::pin_to_core(0);
        let responder = responder::Responder::start()?;
        println!("{EXCHANGES} exchanges with {HOSTS} hosts, window {WINDOW}, {ROUNDS} rounds");
        println!("{:>26}{:>26}{:>26}", "Rust", "C, allears_run", "C, poll and allears_turn");
        let mut rounds: Vec<[Cost; 3]> = Vec::new();
        for _ in 0..ROUNDS {
            let round = [
                Cost::of(|| sweep(responder.port))?,
                c(&program, responder.port, "run")?,
                c(&program, responder.port, "poll")?,
            ];
            for cost in round {
                let exchanges = f64::from(EXCHANGES);
                print!("{:>13.0}/s {:>7.2} µs", cost.per_second(exchanges), cost.cpu_micros(exchanges));
            }
            println!();
            rounds.push(round);
        }
        for (at, what) in [(1, "allears_run"), (2, "poll and allears_turn")] {
            let speed = median(rounds.iter().map(|round| round[0].time / round[at].time));
            let cpu = median(rounds.iter().map(|round| round[at].cpu / round[0].cpu));
            println!("C, {what}: {speed:.3} of the exchanges/s, {cpu:.3} of the CPU per exchange");
        }
        Ok(())
    }

    fn compile(folder: &Path) -> Result<PathBuf, Error> {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        let library = here.join("target/c/release");
        if !library.join("liballears.so").exists() {
            return Err("the C library was not built: run make lib".into());
        }
        let (program, rpath) = (folder.join("sweep"), format!("-Wl,-rpath,{}", library.display()));
        // The loader looks for the soname, under which the library is found only where it is installed.
        std::os::unix::fs::symlink(library.join("liballears.so"), folder.join("liballears.so.1"))?;
        let status = Command::new("cc")
            .args(["-O2", "-Wall", "-Werror", "-o"])
            .arg(&program)
            .arg(here.join("benches/c_abi/sweep.c"))
            .arg("-I")
            .arg(here.join("include"))
            .arg("-L")
            .arg(&library)
            .args(["-lallears", &rpath, &format!("-Wl,-rpath,{}", folder.display())])
            .status()?;
        if !status.success() {
            return Err("the C program does not compile".into());
        }
        Ok(program)
    }

    fn c(program: &Path, port: u16, how: &str) -> Result<Cost, Error> {
        let numbers = [u32::from(port), HOSTS, EXCHANGES, WINDOW].map(|number| number.to_string());
        let output = Command::new(program).args(numbers).arg(how).output()?;
        let text = String::from_utf8(output.stdout)?;
        let (time, cpu) = text.trim().split_once(' ').ok_or(String::from_utf8(output.stderr)?)?;
        Ok(Cost { time: time.parse()?, cpu: cpu.parse()? })
    }

    fn sweep(port: u16) -> Result<(), Error> {
        let first = u32::from(Ipv4Addr::new(127, 1, 0, 1));
        let mut targets = (0..EXCHANGES).map(|n| SocketAddr::from((Ipv4Addr::from(first + n % HOSTS), port)));
        let mut net = Net::open(&Options::default().with_bind(Some("0.0.0.0:0".parse()?)))?;
        let config = Config::unlimited()
            .with_window(Some(WINDOW))
            .with_timeout(Timeout::Fixed(Duration::from_secs(1)));
        let raw = Raw::new(b"????????".to_vec())?.with_token(0, 8)?;
        let mut engine = Engine::new(raw, config, net::random_key()?)?;
        let mut answered = 0;
        loop {
            let room = engine.room();
            for target in targets.by_ref().take(room) {
                engine.ask(target, Payload::default(), ())?;
            }
            if engine.is_idle() {
                break;
            }
            net.turn(&mut engine, None)?;
            while let Some(completion) = engine.poll_completion() {
                answered += u32::from(matches!(completion.outcome, Outcome::Answered(_)));
            }
        }
        if answered == EXCHANGES { Ok(()) } else { Err(format!("{answered} were answered").into()) }
    }
}
