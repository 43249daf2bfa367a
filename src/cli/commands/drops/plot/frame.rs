//! The parts that both panels share: axes, legends and marks.

use std::ops::Range;

use plotters::backend::SVGBackend;
use plotters::coord::Shift;
use plotters::coord::ranged1d::{DefaultFormatting, KeyPointHint, Ranged};
use plotters::coord::types::RangedCoordf64;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::Drawn;

pub type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

pub const INK: RGBColor = RGBColor(34, 34, 34);
pub const GREY: RGBColor = RGBColor(96, 96, 96);
const GRID: RGBColor = RGBColor(225, 225, 225);

/// The margin beside the plotted area, in pixels.
const LEFT: u32 = 76;
const RIGHT: u32 = 24;
const TOP: u32 = 62;
const BOTTOM: u32 = 56;
/// The size of all text except titles.
const FONT: i32 = 16;
/// An upper bound on the width of a character, relative to the font size: each viewer has its own font.
const CHARACTER: f64 = 0.38;

/// Draws a line of text whose upper left corner is `at`.
pub fn text(area: &Area, words: &str, at: (i32, i32), size: i32, colour: RGBColor) -> Drawn {
    let style = TextStyle::from(("sans-serif", size).into_font()).color(&colour);
    Ok(area.draw(&Text::new(words.to_owned(), at, style))?)
}

/// The scale of a vertical axis.
#[derive(Clone, Copy, Debug)]
pub enum Scale {
    /// From zero to this value.
    Linear(f64),
    /// Logarithmic, from one value to the other.
    Logarithmic(f64, f64),
}

impl Scale {
    /// Returns the position of a value on the axis.
    fn place(self, value: f64) -> f64 {
        match self {
            Scale::Linear(_) => value,
            Scale::Logarithmic(..) => value.log10(),
        }
    }

    fn ends(self) -> (f64, f64) {
        match self {
            Scale::Linear(top) => (0.0, top),
            Scale::Logarithmic(bottom, top) => (bottom, top),
        }
    }

    /// Returns the values that get a line and a label: 1, 2 and 5 times powers of ten.
    fn ticks(self) -> Vec<f64> {
        let (bottom, top) = self.ends();
        let steps = |power: i32| [1.0, 2.0, 5.0].map(|digit| digit * 10f64.powi(power));
        match self {
            Scale::Linear(_) => {
                let step = (-6..12).flat_map(steps).find(|step| top / step <= 6.0).unwrap_or(top);
                (0..=(top / step) as u32).map(|i| f64::from(i) * step).collect()
            }
            Scale::Logarithmic(..) => {
                (-6..12).flat_map(steps).filter(|tick| (bottom..=top).contains(tick)).collect()
            }
        }
    }
}

/// The labels of a panel.
pub struct Panel<'a> {
    pub title: &'a str,
    /// The labels below the axis, one for each slot.
    pub labels: &'a [String],
    pub scale: Scale,
    pub tick: fn(f64) -> String,
}

/// An axis with lines at given positions.
#[derive(Clone)]
pub struct Upright {
    places: RangedCoordf64,
    ticks: Vec<f64>,
}

impl Ranged for Upright {
    type FormatOption = DefaultFormatting;
    type ValueType = f64;

    fn map(&self, value: &f64, limit: (i32, i32)) -> i32 {
        self.places.map(value, limit)
    }

    fn key_points<Hint: KeyPointHint>(&self, _: Hint) -> Vec<f64> {
        self.ticks.clone()
    }

    fn range(&self) -> Range<f64> {
        self.places.range()
    }
}

/// A plotted area: x in slots, y in its own unit.
pub struct Chart<'a, 'b> {
    context: ChartContext<'a, SVGBackend<'b>, Cartesian2d<RangedCoordf64, Upright>>,
    scale: Scale,
}

impl Panel<'_> {
    /// Draws the axes.
    pub fn open<'a, 'b>(&self, area: &'a Area<'b>) -> Result<Chart<'a, 'b>, Box<dyn std::error::Error>> {
        let scale = self.scale;
        text(area, self.title, (24, 4), 20, INK)?;
        let (bottom, top) = scale.ends();
        let ticks = scale.ticks().into_iter().map(|tick| scale.place(tick)).collect();
        let upright = Upright { places: (scale.place(bottom)..scale.place(top)).into(), ticks };
        let mut context = ChartBuilder::on(area)
            .margin_top(TOP)
            .margin_right(RIGHT)
            .x_label_area_size(BOTTOM)
            .y_label_area_size(LEFT)
            .build_cartesian_2d(0.0..self.labels.len() as f64, upright)?;
        let value = |place: &f64| match scale {
            Scale::Linear(_) => (self.tick)(*place),
            Scale::Logarithmic(..) => (self.tick)(10f64.powf(*place)),
        };
        context
            .configure_mesh()
            .disable_x_mesh()
            .x_labels(0)
            .bold_line_style(GRID)
            .light_line_style(TRANSPARENT)
            .axis_style(GREY)
            .y_label_formatter(&value)
            .label_style(TextStyle::from(("sans-serif", FONT).into_font()).color(&INK))
            .draw()?;
        let mut chart = Chart { context, scale };
        for (slot, label) in self.labels.iter().enumerate() {
            for (line, words) in label.lines().enumerate() {
                let below = Pos::new(HPos::Center, VPos::Top);
                chart.words((slot as f64 + 0.5, bottom), (0, 8 + 17 * line as i32), words, below)?;
            }
        }
        Ok(chart)
    }
}

impl Chart<'_, '_> {
    fn at(&self, (x, y): (f64, f64)) -> (f64, f64) {
        let (bottom, top) = self.scale.ends();
        (x, self.scale.place(y.clamp(bottom, top)))
    }

    /// Draws text at a position, with a pixel offset.
    pub fn words(&mut self, at: (f64, f64), by: (i32, i32), words: &str, pos: Pos) -> Drawn {
        let style = TextStyle::from(("sans-serif", FONT).into_font()).color(&INK).pos(pos);
        let mark = EmptyElement::at(self.at(at)) + Text::new(words.to_owned(), by, style);
        self.context.draw_series([mark])?;
        Ok(())
    }

    pub fn rectangle(&mut self, from: (f64, f64), to: (f64, f64), colour: RGBColor) -> Drawn {
        let corners = [self.at(from), self.at(to)];
        self.context.draw_series([Rectangle::new(corners, colour.filled())])?;
        Ok(())
    }

    pub fn line(&mut self, from: (f64, f64), to: (f64, f64), colour: RGBColor, width: u32) -> Drawn {
        let ends = [self.at(from), self.at(to)];
        self.context.draw_series(LineSeries::new(ends, colour.stroke_width(width)))?;
        Ok(())
    }

    pub fn dashed(&mut self, points: &[(f64, f64)], colour: RGBColor) -> Drawn {
        let points: Vec<_> = points.iter().map(|&point| self.at(point)).collect();
        self.context.draw_series(DashedLineSeries::new(points, 6, 5, colour.stroke_width(2)))?;
        Ok(())
    }

    /// Draws a line with a dot at each point.
    pub fn curve(&mut self, points: &[(f64, f64)], colour: RGBColor, is_dashed: bool) -> Drawn {
        if is_dashed {
            self.dashed(points, colour)?;
        } else {
            let points: Vec<_> = points.iter().map(|&point| self.at(point)).collect();
            self.context.draw_series(LineSeries::new(points, colour.stroke_width(2)))?;
        }
        for &point in points {
            let dot =
                Circle::new(self.at(point), 4, if is_dashed { WHITE.filled() } else { colour.filled() });
            self.context.draw_series([dot])?;
            let ring = Circle::new(self.at(point), 4, colour.stroke_width(2));
            self.context.draw_series([ring])?;
        }
        Ok(())
    }
}

/// The legend: rows above the plotted area.
pub struct Legend<'a, 'b> {
    area: &'a Area<'b>,
    x: i32,
    y: i32,
}

impl<'a, 'b> Legend<'a, 'b> {
    const START: i32 = LEFT as i32;
    const SYMBOL: i32 = 26;

    pub fn new(area: &'a Area<'b>) -> Legend<'a, 'b> {
        Legend { area, x: Self::START, y: 30 }
    }

    pub fn square(&mut self, colour: RGBColor, words: &str) -> Drawn {
        self.make_room(words);
        let (x, y) = (self.x, self.y);
        self.area.draw(&Rectangle::new([(x, y), (x + 16, y + 14)], colour.filled()))?;
        self.words_after(Self::SYMBOL, words)
    }

    pub fn stroke(&mut self, colour: RGBColor, is_dashed: bool, words: &str) -> Drawn {
        self.make_room(words);
        let (x, y) = (self.x, self.y + 7);
        let pieces = if is_dashed { vec![(0, 8), (12, 20)] } else { vec![(0, 20)] };
        for (from, to) in pieces {
            self.area.draw(&PathElement::new([(x + from, y), (x + to, y)], colour.stroke_width(3)))?;
        }
        self.words_after(Self::SYMBOL, words)
    }

    pub fn words(&mut self, words: &str) -> Drawn {
        self.make_room(words);
        self.words_after(0, words)
    }

    fn words_after(&mut self, symbol: i32, words: &str) -> Drawn {
        text(self.area, words, (self.x + symbol, self.y), FONT, INK)?;
        self.x += symbol + width(words) + 22;
        Ok(())
    }

    /// Starts a new row if this one is full.
    fn make_room(&mut self, words: &str) {
        let right = self.area.dim_in_pixel().0 as i32 - RIGHT as i32;
        if self.x > Self::START && self.x + Self::SYMBOL + width(words) > right {
            self.x = Self::START;
            self.y += 20;
        }
    }
}

fn width(words: &str) -> i32 {
    (words.chars().count() as f64 * f64::from(FONT) * CHARACTER) as i32
}
