//! How the pictures of a track are to be shown, in words shared by every container.

use std::fmt;

use bytes::Bytes;

/// What a track says of its pictures besides their size, shape, colours and orientation.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub struct PictureFacts {
    /// What of the coded pictures is shown; `None`: all.
    pub crop: Option<Crop>,
    /// In which order the fields of interlaced pictures come, as the container says.
    pub field_order: Option<FieldOrder>,
    /// How the views of both eyes are packed; `None`: there is one view, or nothing is said.
    pub stereo: Option<StereoMode>,
    /// What the pictures are projected on, where that is no plane.
    pub projection: Option<Projection>,
    /// The display that the pictures were mastered on.
    pub mastering: Option<Mastering>,
    /// How bright the pictures get.
    pub light: Option<ContentLight>,
    /// Configurations of Dolby Vision and of further layers.
    pub layers: Vec<LayerConfiguration>,
    /// `BlockAddID` of what comes with the pictures in Matroska, in rising order.
    pub additions: Vec<u64>,
    /// The box beside the sample entry that says the projection, whole (Spherical Video V1), where it does.
    pub spherical_box: Option<Bytes>,
    /// What is said in a form that only the file's own container has, as nouns in plural or singular.
    pub unmapped: Vec<String>,
}

/// `BlockAddID` of the alpha channel of VP8 and VP9.
pub const ALPHA: u64 = 1;
/// `BlockAddID` of ITU-T T.35 messages, such as HDR10+.
pub const T35: u64 = 4;

impl PictureFacts {
    /// Whether the pictures have an alpha channel beside them.
    #[must_use]
    pub fn has_alpha(&self) -> bool {
        self.additions.contains(&ALPHA)
    }
}

/// Pixels that are not shown, from each side.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Crop {
    /// From the left side.
    pub left: u32,
    /// From the top.
    pub top: u32,
    /// From the right side.
    pub right: u32,
    /// From the bottom.
    pub bottom: u32,
}

impl Crop {
    /// Width and height of what is shown of pictures of `size`; `None` where that is nothing.
    #[must_use]
    pub fn shown(self, size: (u32, u32)) -> Option<(u32, u32)> {
        let width = size.0.checked_sub(self.left)?.checked_sub(self.right)?;
        let height = size.1.checked_sub(self.top)?.checked_sub(self.bottom)?;
        (width > 0 && height > 0).then_some((width, height))
    }
}

impl fmt::Display for Crop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            left,
            top,
            right,
            bottom,
        } = self;
        write!(
            f,
            "{left} pixels left, {top} top, {right} right, {bottom} bottom"
        )
    }
}

/// An order of fields, by the number that QuickTime (`fiel`) and Matroska (`FieldOrder`) give it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct FieldOrder(u8);

impl FieldOrder {
    /// The order of that number; `None` for what is no order of two fields.
    #[must_use]
    pub fn new(number: u64) -> Option<Self> {
        let number = u8::try_from(number).ok()?;
        matches!(number, 1 | 6 | 9 | 14).then_some(Self(number))
    }

    /// Its number.
    #[must_use]
    pub const fn number(self) -> u8 {
        self.0
    }

    /// libav's name for it: which field is coded first, and which is shown first.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self.0 {
            1 => "tt",
            6 => "bb",
            9 => "tb",
            _ => "bt",
        }
    }
}

/// A way to pack the views of both eyes: a value of `StereoMode` (RFC 9559 § 5.1.4.1.28.3) from 1 to 14.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct StereoMode(u8);

const STEREO_MODES: [&str; 14] = [
    "side by side, left eye first",
    "top and bottom, right eye first",
    "top and bottom, left eye first",
    "checkerboard, right eye first",
    "checkerboard, left eye first",
    "rows in turn, right eye first",
    "rows in turn, left eye first",
    "columns in turn, right eye first",
    "columns in turn, left eye first",
    "anaglyph of cyan and red",
    "side by side, right eye first",
    "anaglyph of green and magenta",
    "pictures in turn, left eye first",
    "pictures in turn, right eye first",
];

impl StereoMode {
    /// Left half for the left eye.
    pub const SIDE_BY_SIDE: Self = Self(1);
    /// Upper half for the left eye.
    pub const TOP_BOTTOM: Self = Self(3);
    /// Left half for the right eye.
    pub const SIDE_BY_SIDE_REVERSED: Self = Self(11);

    /// The mode of that number; `None` for 0, which is one view, and for what is not defined.
    #[must_use]
    pub fn new(number: u64) -> Option<Self> {
        let number = u8::try_from(number).ok()?;
        (1..=14).contains(&number).then_some(Self(number))
    }

    /// How many views lie beside each other in a picture, and how many below each other. In Matroska, the
    /// display size is that of one.
    #[must_use]
    pub const fn views(self) -> (u32, u32) {
        match self.0 {
            1 | 8 | 9 | 11 => (2, 1),
            2 | 3 | 6 | 7 => (1, 2),
            _ => (1, 1),
        }
    }

    /// Its number.
    #[must_use]
    pub const fn number(self) -> u8 {
        self.0
    }
}

impl fmt::Display for StereoMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = STEREO_MODES.get(usize::from(self.0).wrapping_sub(1));
        f.write_str(name.copied().unwrap_or("unknown"))
    }
}

/// What pictures are projected on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Surface {
    /// A sphere, by latitude and longitude.
    Equirectangular,
    /// The faces of a cube.
    Cubemap,
    /// A mesh.
    Mesh,
}

/// A projection of pictures. Angles are degrees in 16.16 fixed point.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Projection {
    /// On what.
    pub surface: Surface,
    /// The payload of `equi`, `cbmp` or `mshp`, which is also `ProjectionPrivate`.
    pub data: Bytes,
    /// Turned about the vertical axis.
    pub yaw: i32,
    /// Turned about the axis to the right.
    pub pitch: i32,
    /// Turned about the axis to the front.
    pub roll: i32,
}

impl fmt::Display for Projection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let surface = match self.surface {
            Surface::Equirectangular => "equirectangular",
            Surface::Cubemap => "cubemap",
            Surface::Mesh => "mesh",
        };
        let angle = |fixed: i32| f64::from(fixed) / 65_536.0;
        write!(
            f,
            "{surface} projection, yaw {}, pitch {}, roll {}",
            angle(self.yaw),
            angle(self.pitch),
            angle(self.roll)
        )
    }
}

/// A point of the chromaticity diagram, in parts of 50,000.
pub type Chromaticity = (u16, u16);

/// The display that pictures were mastered on (SMPTE ST 2086).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Mastering {
    /// Red, green, blue and white; `None` where unknown.
    pub primaries: Option<[Chromaticity; 4]>,
    /// Greatest and least luminance in parts of 10,000 cd/m²; `None` where unknown.
    pub luminance: Option<(u32, u32)>,
}

impl fmt::Display for Mastering {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("mastering display of")?;
        if let Some(points) = &self.primaries {
            for ((x, y), name) in points.iter().zip(["red", "green", "blue", "white"]) {
                let part = |value: &u16| f64::from(*value) / 50_000.0;
                write!(f, " {name} {} {},", part(x), part(y))?;
            }
        }
        match self.luminance {
            Some((most, least)) => {
                let candela = |value: u32| f64::from(value) / 10_000.0;
                write!(
                    f,
                    " luminance {} to {} cd/m²",
                    candela(least),
                    candela(most)
                )
            }
            None => f.write_str(" unknown luminance"),
        }
    }
}

/// Content light level in cd/m² (CTA-861.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct ContentLight {
    /// Of the brightest pixel.
    pub most: u16,
    /// Of the brightest picture on average.
    pub average: u16,
}

impl fmt::Display for ContentLight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "content light level {} / {}", self.most, self.average)
    }
}

/// A configuration record of a layer: the payload of a box of a sample entry, which Matroska has in
/// `BlockAddIDExtraData` under the same four characters.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct LayerConfiguration {
    /// Its type: `dvcC`, `dvvC`, `dvwC`, `hvcE`, `avcE`, `mvcC`.
    pub kind: [u8; 4],
    /// The record.
    pub record: Bytes,
}

impl LayerConfiguration {
    /// Types of such records.
    pub const KINDS: [[u8; 4]; 6] = [*b"dvcC", *b"dvvC", *b"dvwC", *b"hvcE", *b"avcE", *b"mvcC"];

    /// Whether it is a configuration of Dolby Vision.
    #[must_use]
    pub fn is_dolby_vision(&self) -> bool {
        self.kind.starts_with(b"dv")
    }
}

/// How pictures are turned before they are shown: mirrored left to right, then turned.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Turn {
    /// Counter-clockwise, in degrees, above -180 and up to 180.
    pub degrees: f64,
    /// Whether they are mirrored first.
    pub mirrored: bool,
}

/// 1 in 16.16 fixed point.
const ONE: f64 = 65_536.0;
/// What rounding may make of a sine or a cosine.
const ROUNDING: f64 = 0.001;

impl Turn {
    /// The turn that a display matrix makes (ISO/IEC 14496-12 § 6.2.2), wherever it moves the pictures to and
    /// however large it makes them. `None` for one that shears or does nothing.
    #[must_use]
    pub fn of(matrix: &[i32; 9]) -> Option<Self> {
        let [mut a, mut b, mut c, mut d] =
            [0, 1, 3, 4].map(|at: usize| f64::from(matrix[at]) / ONE);
        let same = |x: f64, y: f64| (x - y).abs() < ROUNDING;
        // What stretches along the sides of the pictures is in the shape of their pixels.
        if [a, d].iter().all(|&one| same(one, 0.0)) || [b, c].iter().all(|&one| same(one, 0.0)) {
            [a, b, c, d] = [a, b, c, d].map(|one| if same(one, 0.0) { 0.0 } else { one.signum() });
        }
        let mirrored = a * d - b * c < 0.0;
        let (pure, sine, cosine) = if mirrored {
            (same(a, -d) && same(b, c), b, d)
        } else {
            (same(a, d) && same(b, -c), -b, a)
        };
        if !pure || sine.hypot(cosine) < ROUNDING || matrix[2] != 0 || matrix[5] != 0 {
            return None;
        }
        let degrees = sine.atan2(cosine).to_degrees();
        let whole = degrees.round();
        let degrees = if same(degrees, whole) { whole } else { degrees };
        let turn = Self {
            degrees: if degrees <= -180.0 {
                180.0
            } else {
                degrees + 0.0
            },
            mirrored,
        };
        (turn.mirrored || turn.degrees != 0.0).then_some(turn)
    }

    /// The display matrix that makes this turn and leaves pictures of `size` where they were.
    #[must_use]
    pub fn matrix(self, size: (u32, u32)) -> [i32; 9] {
        let (sine, cosine) = match self.degrees {
            90.0 => (1.0, 0.0),
            -90.0 => (-1.0, 0.0),
            other => other.to_radians().sin_cos(),
        };
        let [a, b, c, d] = if self.mirrored {
            [-cosine, sine, sine, cosine]
        } else {
            [cosine, -sine, sine, cosine]
        };
        // What would come to lie left of or above the origin is moved back.
        let (width, height) = (f64::from(size.0), f64::from(size.1));
        let back = |x: f64, y: f64| -(0.0_f64.min(x * width) + 0.0_f64.min(y * height));
        let fixed = |value: f64| (value * ONE).round() as i32;
        [
            fixed(a),
            fixed(b),
            0,
            fixed(c),
            fixed(d),
            0,
            fixed(back(a, c)),
            fixed(back(b, d)),
            1 << 30,
        ]
    }
}

impl fmt::Display for Turn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // In the direction that FFmpeg's `rotate` and most editors count.
        let clockwise = (360.0 - self.degrees).rem_euclid(360.0);
        match (self.mirrored, clockwise == 0.0) {
            (false, _) => write!(f, "rotation by {clockwise} degrees"),
            (true, true) => f.write_str("mirrored"),
            (true, false) => write!(f, "mirrored, then rotation by {clockwise} degrees"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TURNS: [(f64, [i32; 4]); 3] = [
        (-90.0, [0, 1, -1, 0]),
        (180.0, [-1, 0, 0, -1]),
        (90.0, [0, -1, 1, 0]),
    ];

    fn full([a, b, c, d]: [i32; 4]) -> [i32; 9] {
        let one = 1 << 16;
        [a * one, b * one, 0, c * one, d * one, 0, 0, 0, 1 << 30]
    }

    #[test]
    fn turns_are_told_from_plain_and_from_stretched_pictures() {
        for (degrees, matrix) in TURNS {
            let turn = Turn::of(&full(matrix)).expect("turned");
            assert_eq!((turn.degrees, turn.mirrored), (degrees, false));
        }
        assert_eq!(Turn::of(&full([1, 0, 0, 1])), None);
        assert_eq!(Turn::of(&full([2, 0, 0, 1])), None);
        assert_eq!(Turn::of(&full([1, 1, 0, 1])), None);
        assert_eq!(Turn::of(&[0; 9]), None);
        let mirrored = Turn::of(&full([-1, 0, 0, 1])).expect("mirrored");
        assert_eq!((mirrored.degrees, mirrored.mirrored), (0.0, true));
        assert_eq!(mirrored.to_string(), "mirrored");
    }

    #[test]
    fn a_turn_is_its_matrix_and_back() {
        for mirrored in [false, true] {
            for degrees in [-135.0, -90.0, -30.0, 0.0, 45.0, 90.0, 180.0] {
                let turn = Turn { degrees, mirrored };
                let found = Turn::of(&turn.matrix((320, 180)));
                if mirrored || degrees != 0.0 {
                    let found = found.expect("turned");
                    assert!((found.degrees - degrees).abs() < 0.01, "{found:?}");
                    assert_eq!(found.mirrored, mirrored);
                } else {
                    assert_eq!(found, None);
                }
            }
        }
        let right = Turn {
            degrees: -90.0,
            mirrored: false,
        };
        let moved = [0, 1 << 16, 0, -(1 << 16), 0, 0, 180 << 16, 0, 1 << 30];
        assert_eq!(right.matrix((320, 180)), moved);
        assert_eq!(right.to_string(), "rotation by 90 degrees");
    }
}
