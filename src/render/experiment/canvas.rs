//! SVG drawings: one string a chart, the same bytes for the same input.

use crate::render::escape;
use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

/// A drawing area of a chart.
pub(super) type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// Why a chart could not be drawn.
pub(super) type DrawError = Box<dyn std::error::Error>;

/// Dark text.
pub(super) const INK: RGBColor = RGBColor(0x1f, 0x29, 0x37);
/// Text and lines of lesser weight.
pub(super) const FAINT: RGBColor = RGBColor(0x6b, 0x72, 0x80);
/// Grid lines.
pub(super) const GRID: RGBColor = RGBColor(0xe5, 0xe7, 0xeb);
/// The estimate.
pub(super) const BLUE: RGBColor = RGBColor(0x1d, 0x4e, 0x89);
/// The requirement, limits.
pub(super) const RED: RGBColor = RGBColor(0xb4, 0x23, 0x18);
/// The floor.
pub(super) const ORANGE: RGBColor = RGBColor(0xd9, 0x7a, 0x06);
/// The proposal.
pub(super) const GREEN: RGBColor = RGBColor(0x11, 0x6d, 0x3f);

/// Lines told apart by colour and by the label at their end.
pub(super) const LINES: [RGBColor; 4] = [BLUE, ORANGE, GREEN, RGBColor(0x7c, 0x3a, 0xa8)];

/// Draws a chart; `label` says to those who don't see it what it shows.
pub(super) fn drawn(
    size: (u32, u32),
    label: &str,
    draw: impl FnOnce(&Area<'_>) -> Result<(), DrawError>,
) -> Result<String, String> {
    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, size).into_drawing_area();
        area.fill(&WHITE).map_err(|error| error.to_string())?;
        draw(&area).map_err(|error| error.to_string())?;
        area.present().map_err(|error| error.to_string())?;
    }
    let named = format!("<svg role=\"img\" aria-label=\"{}\" ", escape::html(label));
    Ok(svg.replacen("<svg ", &named, 1))
}

/// Text style of a size and colour, anchored.
pub(super) fn text(size: u32, colour: RGBColor, h: HPos, v: VPos) -> TextStyle<'static> {
    TextStyle {
        font: ("sans-serif", size).into_font(),
        color: colour.to_backend_color(),
        pos: Pos::new(h, v),
    }
}

/// Writes at a pixel.
pub(super) fn write(
    area: &Area<'_>,
    what: impl Into<String>,
    at: (i32, i32),
    style: TextStyle<'static>,
) -> Result<(), DrawError> {
    area.draw(&Text::new(what.into(), at, style))?;
    Ok(())
}

/// A line between pixels.
pub(super) fn line(
    area: &Area<'_>,
    points: Vec<(i32, i32)>,
    style: impl Into<ShapeStyle>,
) -> Result<(), DrawError> {
    area.draw(&PathElement::new(points, style))?;
    Ok(())
}

/// A linear scale from values to pixels.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scale {
    pub from: (f64, f64),
    pub to: (i32, i32),
}

impl Scale {
    /// The pixel of a value; values beyond the ends stay at them.
    pub(super) fn at(&self, value: f64) -> i32 {
        let span = self.from.1 - self.from.0;
        let share = if span.abs() > 0.0 {
            ((value - self.from.0) / span).clamp(0.0, 1.0)
        } else {
            0.5
        };
        self.to.0 + (share * f64::from(self.to.1 - self.to.0)).round() as i32
    }

    /// Round values to label, about `count` of them.
    pub(super) fn ticks(&self, count: usize) -> Vec<f64> {
        let span = self.from.1 - self.from.0;
        if !(span.is_finite() && span > 0.0) {
            return vec![self.from.0];
        }
        let rough = span / count.max(1) as f64;
        let power = 10f64.powf(rough.log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0]
            .map(|m| m * power)
            .into_iter()
            .find(|step| *step >= rough * 0.999)
            .unwrap_or(10.0 * power);
        let first = (self.from.0 / step - 1e-9).ceil() as i64;
        let last = (self.from.1 / step + 1e-9).floor() as i64;
        (first..=last).map(|k| k as f64 * step).collect()
    }
}

/// The frame of a chart with numbers on both sides.
pub(super) struct Frame {
    pub x: Scale,
    pub y: Scale,
}

/// Where a frame stands and what its sides are called.
pub(super) struct Sides<'a> {
    pub left_top: (i32, i32),
    pub right_bottom: (i32, i32),
    pub x: (f64, f64),
    pub y: (f64, f64),
    pub x_title: &'a str,
    pub y_title: &'a str,
    pub x_label: &'a dyn Fn(f64) -> String,
    pub y_label: &'a dyn Fn(f64) -> String,
    pub x_ticks: Option<Vec<f64>>,
}

impl Frame {
    /// Draws grid, numbers and titles.
    pub(super) fn draw(area: &Area<'_>, sides: &Sides<'_>) -> Result<Frame, DrawError> {
        let ((left, top), (right, bottom)) = (sides.left_top, sides.right_bottom);
        let frame = Frame {
            x: Scale {
                from: sides.x,
                to: (left, right),
            },
            y: Scale {
                from: sides.y,
                to: (bottom, top),
            },
        };
        for value in frame.y.ticks(5) {
            let y = frame.y.at(value);
            line(area, vec![(left, y), (right, y)], GRID)?;
            let style = text(12, FAINT, HPos::Right, VPos::Center);
            write(area, (sides.y_label)(value), (left - 6, y), style)?;
        }
        let ticks = sides
            .x_ticks
            .clone()
            .unwrap_or_else(|| frame.x.ticks(((right - left) / 70).max(2) as usize));
        for value in ticks {
            let x = frame.x.at(value);
            line(area, vec![(x, bottom), (x, bottom + 4)], FAINT)?;
            let style = text(12, FAINT, HPos::Center, VPos::Top);
            write(area, (sides.x_label)(value), (x, bottom + 6), style)?;
        }
        line(
            area,
            vec![(left, top), (left, bottom), (right, bottom)],
            FAINT,
        )?;
        let style = text(13, INK, HPos::Center, VPos::Top);
        write(
            area,
            sides.x_title,
            ((left + right) / 2, bottom + 24),
            style,
        )?;
        let style = text(13, INK, HPos::Left, VPos::Bottom);
        write(area, sides.y_title, (left - 46, top - 10), style)?;
        Ok(frame)
    }

    /// The pixel of a pair of values.
    pub(super) fn at(&self, x: f64, y: f64) -> (i32, i32) {
        (self.x.at(x), self.y.at(y))
    }

    /// A dashed line across at a value, named at its right end.
    pub(super) fn level(
        &self,
        area: &Area<'_>,
        value: f64,
        name: &str,
        colour: RGBColor,
    ) -> Result<(), DrawError> {
        let y = self.y.at(value);
        dashed(area, (self.x.to.0, y), (self.x.to.1, y), colour)?;
        let style = text(12, colour, HPos::Right, VPos::Bottom);
        write(area, name, (self.x.to.1, y - 3), style)
    }
}

/// A dashed straight line.
pub(super) fn dashed(
    area: &Area<'_>,
    from: (i32, i32),
    to: (i32, i32),
    colour: RGBColor,
) -> Result<(), DrawError> {
    let (dx, dy) = (f64::from(to.0 - from.0), f64::from(to.1 - from.1));
    let pieces = ((dx.hypot(dy) / 10.0).ceil() as i32).max(1);
    let at = |k: f64| {
        let share = k / f64::from(pieces);
        (
            from.0 + (dx * share).round() as i32,
            from.1 + (dy * share).round() as i32,
        )
    };
    for k in 0..pieces {
        let k = f64::from(k);
        line(area, vec![at(k), at(k + 0.55)], colour.stroke_width(2))?;
    }
    Ok(())
}

/// A point that was tested: a disc, or a cross when it failed.
pub(super) fn tested(area: &Area<'_>, at: (i32, i32), failed: bool) -> Result<(), DrawError> {
    if failed {
        area.draw(&Cross::new(at, 6, RED.stroke_width(3)))?;
    } else {
        area.draw(&Circle::new(at, 5, INK.filled()))?;
        area.draw(&Circle::new(at, 5, WHITE.stroke_width(1)))?;
    }
    Ok(())
}

/// The floor: a triangle.
pub(super) fn floor(area: &Area<'_>, at: (i32, i32)) -> Result<(), DrawError> {
    area.draw(&TriangleMarker::new(at, 9, ORANGE.filled()))?;
    Ok(())
}

/// The proposal: a ring.
pub(super) fn proposal(area: &Area<'_>, at: (i32, i32)) -> Result<(), DrawError> {
    area.draw(&Circle::new(at, 11, WHITE.stroke_width(6)))?;
    area.draw(&Circle::new(at, 11, GREEN.stroke_width(3)))?;
    Ok(())
}

/// The key of the marks, from a pixel on to the right.
pub(super) fn key(area: &Area<'_>, at: (i32, i32), with_failed: bool) -> Result<(), DrawError> {
    let (mut x, y) = at;
    let name = |name: &str, x: i32| {
        let style = text(12, INK, HPos::Left, VPos::Center);
        write(area, name, (x, y), style)
    };
    tested(area, (x, y), false)?;
    name("tested", x + 12)?;
    x += 80;
    if with_failed {
        tested(area, (x, y), true)?;
        name("failed", x + 12)?;
        x += 80;
    }
    floor(area, (x, y))?;
    name("floor: least tested that carries the demand", x + 14)?;
    x += 290;
    proposal(area, (x, y))?;
    name("proposed", x + 18)
}
