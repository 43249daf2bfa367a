//! Plots the steps: loss by class against the rate, and the round trips below it.

mod frame;

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow};
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::measured::{Class, Measured, Way};
use super::words::{digits, percent, whole};
use frame::{Area, Chart, GREY, INK, Legend, Panel, Scale, text};

/// The size in pixels, for viewers that do not scale.
const SIZE: (u32, u32) = (1000, 860);
/// The maximum number of characters in a line of text.
const LINE: usize = 138;
/// Round trips get a logarithmic axis if the longest is this many times the shortest.
const WIDE: f64 = 8.0;
/// The number of slots of the axis that can have a label.
const LABELS: usize = 10;

/// The file of the plot.
pub struct Picture {
    path: PathBuf,
    file: File,
}

impl Picture {
    /// Creates the file. This fails before anything is measured if it cannot be written.
    pub fn create(path: &Path) -> Result<Picture> {
        let file = File::create(path).with_context(|| format!("cannot write {}", path.display()))?;
        Ok(Picture { path: path.to_owned(), file })
    }

    /// Draws the steps below a text, as SVG or as an HTML page that contains the SVG.
    pub fn draw(mut self, steps: &[Measured], said: &str, tolerance: f64) -> Result<()> {
        let lines: Vec<String> = said.lines().flat_map(wrapped).collect();
        let svg = svg(steps, &lines, tolerance).map_err(|error| anyhow!("cannot draw: {error}"))?;
        let picture = match self.path.extension() {
            Some(extension) if extension == "html" => page(&svg),
            _ => format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n{svg}"),
        };
        self.file
            .write_all(picture.as_bytes())
            .with_context(|| format!("cannot write {}", self.path.display()))
    }
}

/// Wraps a line to the width of the picture.
fn wrapped(line: &str) -> Vec<String> {
    let mut pieces = vec![String::new()];
    for word in line.split(' ') {
        match pieces.last_mut() {
            Some(piece) if piece.is_empty() => piece.push_str(word),
            Some(piece) if piece.chars().count() + word.chars().count() < LINE => {
                piece.push(' ');
                piece.push_str(word);
            }
            _ => pieces.push(word.to_owned()),
        }
    }
    pieces
}

/// Returns an HTML page that is also well-formed XML.
fn page(svg: &str) -> String {
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\" xmlns=\"http://www.w3.org/1999/xhtml\">\n<head><meta charset=\"utf-8\"/>\
         <title>allears drops</title>\n<style>body {{ margin: 2em auto; max-width: 1000px; }} \
         svg {{ width: 100%; height: auto; }}</style></head>\n<body>\n{svg}</body>\n</html>\n"
    )
}

/// The line of the acceptable loss.
const RULE: RGBColor = RGBColor(225, 160, 160);

type Drawn = Result<(), Box<dyn std::error::Error>>;

fn svg(steps: &[Measured], lines: &[String], tolerance: f64) -> Result<String, Box<dyn std::error::Error>> {
    let mut svg = String::new();
    {
        let root = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
        root.fill(&WHITE)?;
        let rates = Rates::new(steps);
        text(&root, "Replies lost at each rate", (24, 20), 30, INK)?;
        for (at, line) in (0..).zip(lines) {
            text(&root, line, (24, 58 + 20 * at), 16, GREY)?;
        }
        let top = 74 + 20 * lines.len() as u32;
        let (_, below) = root.split_vertically(top);
        let (upper, lower) = below.split_vertically((SIZE.1 - top) * 56 / 100);
        losses(&upper, &rates, tolerance)?;
        round_trips(&lower, &rates)?;
        root.present()?;
    }
    Ok(svg)
}

/// The steps in order of their rate; each rate has a slot on the axis.
struct Rates<'a> {
    offered: Vec<f64>,
    ways: Vec<(Way, Vec<(usize, &'a Measured)>)>,
}

impl<'a> Rates<'a> {
    fn new(steps: &'a [Measured]) -> Rates<'a> {
        let mut offered: Vec<f64> = steps.iter().map(|step| step.around.offered).collect();
        offered.sort_by(f64::total_cmp);
        offered.dedup();
        let slot = |step: &Measured| offered.partition_point(|&rate| rate < step.around.offered);
        let of = |way| {
            let mut own: Vec<_> =
                steps.iter().filter(|step| step.around.way == way).map(|step| (slot(step), step)).collect();
            own.sort_by_key(|&(slot, _)| slot);
            (way, own)
        };
        let ways =
            [Way::Allears, Way::Naive].map(of).into_iter().filter(|(_, own)| !own.is_empty()).collect();
        Rates { offered, ways }
    }

    fn all(&self) -> impl Iterator<Item = &'a Measured> {
        self.ways.iter().flat_map(|(_, own)| own.iter().map(|&(_, step)| step))
    }

    /// Returns the label of each slot that has room for one: the rate, and below it the achieved rate, if less.
    fn labels(&self) -> Vec<String> {
        let every = self.offered.len().div_ceil(LABELS).max(1);
        let label = |(slot, &rate): (usize, &f64)| match self.ours(slot) {
            _ if !slot.is_multiple_of(every) => String::new(),
            Some(step) if !step.is_kept() => {
                format!("{}\nsent {}", whole(rate), whole(step.around.achieved))
            }
            _ => whole(rate),
        };
        self.offered.iter().enumerate().map(label).collect()
    }

    fn ours(&self, slot: usize) -> Option<&'a Measured> {
        let (_, own) = self.ways.first()?;
        own.iter().find(|&&(at, _)| at == slot).map(|&(_, step)| step)
    }

    /// Returns the edges of a way's bar within its slot.
    fn bar(&self, way: usize, slot: usize) -> (f64, f64) {
        let width = 0.64 / self.ways.len() as f64;
        let left = slot as f64 + 0.18 + way as f64 * width;
        (left + 0.03, left + width - 0.03)
    }
}

/// Returns the colour of a class, distinguishable for the colour-blind (Okabe and Ito, 2008).
fn colour(class: Class) -> RGBColor {
    match class {
        Class::Answered => RGBColor(0, 158, 115),
        Class::LocalDrops => RGBColor(213, 94, 0),
        Class::SendFailed => RGBColor(204, 121, 167),
        Class::Late => RGBColor(240, 190, 40),
        Class::Unreachable => RGBColor(110, 110, 110),
        Class::Silent => RGBColor(0, 114, 178),
        Class::Malformed => RGBColor(86, 180, 233),
    }
}

/// Mixes a colour with white.
fn pale(RGBColor(r, g, b): RGBColor) -> RGBColor {
    let half = |part: u8| part / 2 + 127;
    RGBColor(half(r), half(g), half(b))
}

fn words(class: Class) -> &'static str {
    match class {
        Class::Answered => "answered",
        Class::LocalDrops => "local receive buffer",
        Class::SendFailed => "local send path",
        Class::Late => "late",
        Class::Unreachable => "unreachable",
        Class::Silent => "silent: network or hosts",
        Class::Malformed => "malformed",
    }
}

fn losses(area: &Area, rates: &Rates, tolerance: f64) -> Drawn {
    let highest = rates.all().map(|step| step.loss().high).fold(0.0, f64::max);
    let scale = Scale::Linear((highest * 1.18).clamp(0.05, 118.0));
    let panel =
        Panel { title: "Queries without a valid reply, %", labels: &rates.labels(), scale, tick: digits };
    let mut chart = panel.open(area)?;
    let tolerated = 100.0 * tolerance;
    chart.dashed(&[(0.0, tolerated), (rates.offered.len() as f64, tolerated)], RULE)?;
    for (way, (_, own)) in rates.ways.iter().enumerate() {
        for &(slot, step) in own {
            stack(&mut chart, step, rates.bar(way, slot), way > 0)?;
            if rates.offered.len() <= LABELS {
                label_loss(&mut chart, step, rates.bar(way, slot))?;
            }
        }
    }
    let present = |class: &Class| rates.all().any(|step| step.share(*class).is_some_and(|s| s.count > 0));
    let mut legend = Legend::new(area);
    for class in Class::LOST.into_iter().filter(present) {
        legend.square(colour(class), words(class))?;
    }
    legend.stroke(RULE, true, "tolerance")?;
    if rates.ways.len() > 1 {
        legend.words("left: allears; right, pale: naive")?;
    }
    legend.words("whiskers: 95 % CI")
}

/// Draws one bar: the classes stacked, and the confidence interval of their sum.
fn stack(chart: &mut Chart, step: &Measured, (left, right): (f64, f64), is_pale: bool) -> Drawn {
    let mut height = 0.0;
    for class in Class::LOST {
        let share = step.share(class).map_or(0.0, |share| share.percent);
        if share > 0.0 {
            let colour = if is_pale { pale(colour(class)) } else { colour(class) };
            chart.rectangle((left, height), (right, height + share), colour)?;
            height += share;
        }
    }
    let (loss, middle) = (step.loss(), (left + right) / 2.0);
    chart.line((left, 0.0), (right, 0.0), INK, 2)?;
    if loss.count > 0 {
        chart.line((middle, loss.low), (middle, loss.high), INK, 1)?;
        for end in [loss.low, loss.high] {
            chart.line((middle - 0.02, end), (middle + 0.02, end), INK, 1)?;
        }
    }
    Ok(())
}

/// Writes the loss above a bar.
fn label_loss(chart: &mut Chart, step: &Measured, (left, right): (f64, f64)) -> Drawn {
    let loss = step.loss();
    let above = if loss.count > 0 { loss.high } else { 0.0 };
    let centred = Pos::new(HPos::Center, VPos::Bottom);
    chart.words(((left + right) / 2.0, above), (0, -4), &percent(loss.percent), centred)
}

const QUANTILES: [(f64, &str, RGBColor); 3] = [
    (0.5, "p50", RGBColor(0, 109, 91)),
    (0.9, "p90", RGBColor(70, 160, 120)),
    (0.99, "p99", RGBColor(150, 200, 110)),
];

fn round_trips(area: &Area, rates: &Rates) -> Drawn {
    let millis = |step: &Measured, q| step.rtt.quantile(q).map(|rtt| rtt.as_secs_f64() * 1e3);
    let all: Vec<f64> =
        rates.all().flat_map(|step| QUANTILES.iter().filter_map(|&(q, ..)| millis(step, q))).collect();
    let least = all.iter().copied().fold(f64::INFINITY, f64::min).max(0.001);
    let most = all.iter().copied().fold(0.0, f64::max).max(0.01);
    let scale = if most > WIDE * least {
        Scale::Logarithmic(least * 0.8, most * 1.5)
    } else {
        Scale::Linear(most * 1.18)
    };
    let labels: Vec<String> =
        rates.labels().iter().map(|label| label.lines().next().unwrap_or_default().to_owned()).collect();
    let panel = Panel { title: "Round trips, ms", labels: &labels, scale, tick: digits };
    let mut chart = panel.open(area)?;
    let mut legend = Legend::new(area);
    for (way, (name, own)) in rates.ways.iter().enumerate() {
        for (q, label, colour) in QUANTILES {
            let points: Vec<_> =
                own.iter().filter_map(|&(slot, step)| Some((slot as f64 + 0.5, millis(step, q)?))).collect();
            chart.curve(&points, colour, way > 0)?;
            legend.stroke(colour, way > 0, &format!("{label} {}", name.name()))?;
        }
    }
    text(area, "queries per second offered", (440, area.dim_in_pixel().1 as i32 - 24), 16, INK)
}
