//! The cost of a run, and the median of several.

use std::time::{Duration, Instant};

use allears::net;

pub type Error = Box<dyn std::error::Error>;

/// The elapsed time and the CPU time of a run, in nanoseconds.
#[derive(Clone, Copy)]
pub struct Cost {
    pub time: f64,
    pub cpu: f64,
}

impl Cost {
    pub fn of(run: impl FnOnce() -> Result<(), Error>) -> Result<Cost, Error> {
        let (start, cpu) = (Instant::now(), net::cpu_time());
        run()?;
        let time = start.elapsed();
        let cpu = net::cpu_time().zip(cpu).map_or(Duration::ZERO, |(after, before)| after - before);
        Ok(Cost { time: time.as_nanos() as f64, cpu: cpu.as_nanos() as f64 })
    }

    /// Returns the number of exchanges per second.
    pub fn per_second(self, exchanges: f64) -> f64 {
        exchanges / self.time * 1e9
    }

    /// Returns the microseconds of CPU time per exchange.
    pub fn cpu_micros(self, exchanges: f64) -> f64 {
        self.cpu / exchanges / 1e3
    }
}

pub fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
