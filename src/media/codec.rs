//! The codecs, and what each is. One row per codec: whoever adds one writes its row here, and the compiler or the
//! row's own columns answer every question that is asked of a codec elsewhere.

use std::{ffi::CStr, fmt, sync::Arc};

use super::{Container, StreamKind};

/// How many PCM samples of a channel a coded frame holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FrameLength {
    /// It is not told by the codec alone, or it is no sound.
    Open,
    /// Each packet's first byte tells (RFC 6716 § 3.1).
    OpusToc,
    /// By the blocks of each packet and the one before.
    VorbisBlocks,
    /// Always so many.
    Fixed(u32),
    /// 1152, or 576 below 32 kHz (ISO/IEC 13818-3 § 2.4.2.3).
    MpegLayer3,
    /// As the `ALACSpecificConfig` says.
    AlacConfig,
    /// As STREAMINFO says, where all blocks are of one length.
    FlacStreamInfo,
}

/// How coded silence is had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SilenceSource {
    /// Not at all.
    None,
    /// It is a PCM sample of this byte.
    Pcm(u8),
    /// A frame that is always the same.
    Constant(&'static [u8]),
    /// By the mode that the setup header numbers.
    Vorbis,
    Aac,
    Mp3,
    Opus,
    Alac,
    Flac,
    /// By an encoder of libav, at the usual bits per second of few channels, and of more than `above`, so that silence
    /// is no larger than the sound around it.
    Encoded {
        encoder: &'static CStr,
        few: u32,
        many: u32,
        above: u16,
    },
}

/// What decoding the same frames twice gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Coding {
    /// The same samples, from the first one on.
    Lossless,
    /// The same samples, once the decoder has had a few frames.
    Repeatable,
    /// Samples of the same level: decoders make up noise.
    Noisy,
}

/// What two sample entries of one codec have to agree in so that a decoder set up by one decodes the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Configured {
    /// The format and the whole configuration record.
    Record,
    /// Parameter sets, wherever they lie.
    ParameterSets,
    /// The sequence header, unless key frames bring it.
    SequenceHeader,
    /// Nothing: frames say it all.
    Frames,
    /// All but the pre-skip and the rate before encoding.
    OpusHead,
    /// All but the largest frame and the mean bit rate.
    AlacConfig,
    /// The format.
    Format,
    /// Cues: the format; what they are configured with is merged or the first fragment's.
    Cues,
    /// The format, and in one track the palette.
    Palette,
}

/// How pictures tell in which order they are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PictureOrder {
    /// Not at all, or they are shown as they are decoded.
    Decoded,
    /// `picture_coding_type` of MPEG-1 and MPEG-2.
    Mpeg12,
    /// `vop_coding_type` of MPEG-4 Part 2.
    Mpeg4,
    /// A parser of libav reads their types.
    Types,
    /// They count.
    Counts,
}

/// The header of a frame that says how long the frame is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FrameHeader {
    /// None does.
    None,
    Adts,
    Ac3,
    MpegAudio,
}

/// What packets of other containers than ISO base media files have to be freed of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PacketForm {
    /// Nothing.
    Sample,
    /// Start codes before NAL units, where there are any (ISO/IEC 14496-10, Annex B).
    StartCodes,
    /// An ADTS header, where there is one (ISO/IEC 14496-3 § 1.A.2).
    Adts,
    /// A frame of LOAS (ISO/IEC 14496-3 § 1.7).
    Latm,
    /// What says that pictures are packed.
    Mpeg4,
    /// Segments of presentation graphics.
    Graphics,
}

/// Codecs whose pictures are NAL units.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NalCodec {
    /// H.264.
    Avc,
    /// HEVC.
    Hevc,
    /// VVC.
    Vvc,
}

/// What Matroska has as `CodecPrivate`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CodecPrivate {
    /// The configuration record.
    Record,
    /// Nothing: frames say it all.
    Nothing,
    /// The name of a native FLAC stream, and its first metadata blocks.
    Flac,
    /// The record without the box around it.
    Alac,
    /// The FourCC of the sample entry.
    Format,
}

/// What a codec is.
#[derive(Debug)]
pub(crate) struct Facts {
    name: &'static str,
    kind: Option<StreamKind>,
    pub(crate) frame: FrameLength,
    /// Whether frames may differ in length from one to the next.
    pub(crate) varying: bool,
    /// Whether the last frame may hold less than the others.
    pub(crate) short_end: bool,
    /// Whether an encoder puts silence before the first sound, which is not meant to be heard.
    pub(crate) primed: bool,
    pub(crate) silence: SilenceSource,
    pub(crate) coding: Coding,
    pub(crate) configured: Configured,
    pub(crate) order: PictureOrder,
    pub(crate) header: FrameHeader,
    pub(crate) packets: PacketForm,
    pub(crate) nal: Option<NalCodec>,
    pub(crate) private: CodecPrivate,
    /// `CodecID` in Matroska (RFC 9559 § 26 and the codec mappings it refers to).
    matroska: Option<&'static str>,
    /// Outputs that have a place for it, Matroska and ISO base media files apart.
    carriers: &'static [Container],
    /// `wFormatTag` of WAV and bits per sample.
    pub(crate) wav: Option<(u16, u16)>,
}

const OTHER: Facts = Facts {
    name: "unknown",
    kind: None,
    frame: FrameLength::Open,
    varying: false,
    short_end: false,
    primed: false,
    silence: SilenceSource::None,
    coding: Coding::Noisy,
    configured: Configured::Record,
    order: PictureOrder::Decoded,
    header: FrameHeader::None,
    packets: PacketForm::Sample,
    nal: None,
    private: CodecPrivate::Record,
    matroska: None,
    carriers: &[],
    wav: None,
};

const fn video(name: &'static str) -> Facts {
    Facts {
        name,
        kind: Some(StreamKind::Video),
        ..OTHER
    }
}

const fn audio(name: &'static str, frame: FrameLength) -> Facts {
    Facts {
        name,
        kind: Some(StreamKind::Audio),
        frame,
        ..OTHER
    }
}

const fn cues(name: &'static str) -> Facts {
    Facts {
        name,
        kind: Some(StreamKind::Subtitle),
        configured: Configured::Format,
        ..OTHER
    }
}

const fn data(name: &'static str) -> Facts {
    Facts {
        name,
        kind: Some(StreamKind::Data),
        configured: Configured::Format,
        ..OTHER
    }
}

const fn pcm(name: &'static str, silence: u8) -> Facts {
    Facts {
        silence: SilenceSource::Pcm(silence),
        coding: Coding::Lossless,
        configured: Configured::Format,
        private: CodecPrivate::Nothing,
        ..audio(name, FrameLength::Open)
    }
}

impl Facts {
    const fn matroska(self, id: &'static str) -> Self {
        Self {
            matroska: Some(id),
            ..self
        }
    }

    /// In Matroska without a record: frames say it all.
    const fn plain_matroska(self, id: &'static str) -> Self {
        Self {
            matroska: Some(id),
            private: CodecPrivate::Nothing,
            ..self
        }
    }

    const fn carried_by(self, carriers: &'static [Container]) -> Self {
        Self { carriers, ..self }
    }

    const fn configured(self, configured: Configured) -> Self {
        Self { configured, ..self }
    }

    const fn ordered(self, order: PictureOrder) -> Self {
        Self { order, ..self }
    }

    const fn silence(self, silence: SilenceSource) -> Self {
        Self { silence, ..self }
    }

    const fn coding(self, coding: Coding) -> Self {
        Self { coding, ..self }
    }

    const fn header(self, header: FrameHeader) -> Self {
        Self { header, ..self }
    }

    const fn packets(self, packets: PacketForm) -> Self {
        Self { packets, ..self }
    }

    const fn nal(self, codec: NalCodec) -> Self {
        Self {
            nal: Some(codec),
            configured: Configured::ParameterSets,
            ..self
        }
    }

    const fn private(self, private: CodecPrivate) -> Self {
        Self { private, ..self }
    }

    const fn primed(self) -> Self {
        Self {
            primed: true,
            ..self
        }
    }

    const fn varying(self) -> Self {
        Self {
            varying: true,
            ..self
        }
    }

    const fn short_end(self) -> Self {
        Self {
            short_end: true,
            ..self
        }
    }

    const fn wav(self, tag: u16, bits: u16) -> Self {
        Self {
            wav: Some((tag, bits)),
            ..self
        }
    }
}

macro_rules! codecs {
    ($($(#[doc = $doc:literal])* $(#[cfg($cfg:meta)])? $codec:ident = $facts:expr;)*) => {
        /// What a stream is coded with.
        ///
        /// Displayed and serialized by libav's name (`h264`, `aac`, `pcm_s16le`, …).
        #[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
        #[non_exhaustive]
        pub enum Codec {
            $($(#[doc = $doc])* $(#[cfg($cfg)])? $codec,)*
            /// Nothing is known of it.
            #[default]
            Unknown,
            /// One of which no more is known than its name: libav's, or what Matroska calls it.
            Other(Arc<str>),
        }

        impl Codec {
            pub(crate) const fn facts(&self) -> &'static Facts {
                match self {
                    $($(#[cfg($cfg)])? Self::$codec => const { &$facts },)*
                    Self::Unknown | Self::Other(_) => const { &OTHER },
                }
            }

            /// Those of the table.
            const ALL: &[Self] = &[$($(#[cfg($cfg)])? Self::$codec,)*];
        }
    };
}

use self::Container::{Adts, Flac, Mp3, MpegTs, Ogg, Opus, Wav, WebM};

/// `wFormatTag` of WAV.
pub(crate) mod wave_format {
    pub(crate) const PCM: u16 = 1;
    pub(crate) const FLOAT: u16 = 3;
    pub(crate) const A_LAW: u16 = 6;
    pub(crate) const MU_LAW: u16 = 7;
}
use wave_format::{A_LAW, FLOAT, MU_LAW, PCM};

codecs! {
    /// AVC (ISO/IEC 14496-10).
    H264 = video("h264").matroska("V_MPEG4/ISO/AVC").carried_by(&[MpegTs])
        .nal(NalCodec::Avc).packets(PacketForm::StartCodes).ordered(PictureOrder::Counts);
    /// HEVC (ISO/IEC 23008-2).
    Hevc = video("hevc").matroska("V_MPEGH/ISO/HEVC").carried_by(&[MpegTs])
        .nal(NalCodec::Hevc).packets(PacketForm::StartCodes).ordered(PictureOrder::Counts);
    /// VVC (ISO/IEC 23090-3).
    Vvc = video("vvc").nal(NalCodec::Vvc);
    /// AV1.
    Av1 = video("av1").matroska("V_AV1").carried_by(&[WebM]).configured(Configured::SequenceHeader);
    /// VP8.
    Vp8 = video("vp8").plain_matroska("V_VP8").carried_by(&[WebM, Ogg]);
    /// VP9.
    Vp9 = video("vp9").plain_matroska("V_VP9").carried_by(&[WebM]);
    /// MPEG-4 Part 2 (ISO/IEC 14496-2).
    Mpeg4 = video("mpeg4").matroska("V_MPEG4/ISO/ASP").carried_by(&[MpegTs]).ordered(PictureOrder::Mpeg4)
        .packets(PacketForm::Mpeg4);
    /// MPEG-2 (ISO/IEC 13818-2).
    Mpeg2 = video("mpeg2video").matroska("V_MPEG2").carried_by(&[MpegTs]).ordered(PictureOrder::Mpeg12);
    /// MPEG-1 (ISO/IEC 11172-2).
    Mpeg1 = video("mpeg1video").matroska("V_MPEG1").carried_by(&[MpegTs]).ordered(PictureOrder::Mpeg12);
    /// VC-1 (SMPTE 421M).
    Vc1 = video("vc1").ordered(PictureOrder::Types);
    /// Theora.
    Theora = video("theora").matroska("V_THEORA").carried_by(&[Ogg]);
    /// FFV1 (RFC 9043).
    Ffv1 = video("ffv1").matroska("V_FFV1");
    /// Motion JPEG.
    Mjpeg = video("mjpeg").matroska("V_MJPEG");
    /// PNG.
    Png = video("png");
    /// Pictures that are not coded.
    RawVideo = video("rawvideo");
    /// Apple ProRes.
    ProRes = video("prores").matroska("V_PRORES").private(CodecPrivate::Format);

    /// AAC (ISO/IEC 14496-3).
    Aac = audio("aac", FrameLength::Fixed(1024)).matroska("A_AAC").carried_by(&[MpegTs, Adts]).primed()
        .configured(Configured::Frames).header(FrameHeader::Adts).packets(PacketForm::Adts)
        .silence(SilenceSource::Aac);
    /// AAC in LATM, which is taken out of it.
    AacLatm = audio("aac_latm", FrameLength::Open).packets(PacketForm::Latm);
    /// MPEG audio layer III.
    Mp3 = audio("mp3", FrameLength::MpegLayer3).plain_matroska("A_MPEG/L3").carried_by(&[MpegTs, Mp3]).primed()
        .configured(Configured::Frames).header(FrameHeader::MpegAudio).silence(SilenceSource::Mp3)
        .coding(Coding::Repeatable);
    /// MPEG audio layer II.
    Mp2 = audio("mp2", FrameLength::Fixed(1152)).plain_matroska("A_MPEG/L2").carried_by(&[MpegTs])
        .configured(Configured::Frames).header(FrameHeader::MpegAudio).coding(Coding::Repeatable)
        .silence(SilenceSource::Encoded { encoder: c"mp2", few: 64_000, many: 128_000, above: 1 });
    /// MPEG audio layer I.
    Mp1 = audio("mp1", FrameLength::Fixed(384)).matroska("A_MPEG/L1").coding(Coding::Repeatable);
    /// AC-3 (ETSI TS 102 366).
    Ac3 = audio("ac3", FrameLength::Fixed(1536)).plain_matroska("A_AC3").carried_by(&[MpegTs])
        .configured(Configured::Frames).header(FrameHeader::Ac3)
        .silence(SilenceSource::Encoded { encoder: c"ac3", few: 192_000, many: 448_000, above: 2 });
    /// E-AC-3 (ETSI TS 102 366, Annex E).
    Eac3 = audio("eac3", FrameLength::Fixed(1536)).plain_matroska("A_EAC3").carried_by(&[MpegTs])
        .configured(Configured::Frames).header(FrameHeader::Ac3)
        .silence(SilenceSource::Encoded { encoder: c"eac3", few: 128_000, many: 384_000, above: 2 });
    /// DTS (ETSI TS 102 114).
    Dts = audio("dts", FrameLength::Open).plain_matroska("A_DTS").carried_by(&[MpegTs]);
    /// Dolby TrueHD.
    TrueHd = audio("truehd", FrameLength::Open).matroska("A_TRUEHD").carried_by(&[MpegTs]).coding(Coding::Lossless);
    /// Meridian Lossless Packing.
    Mlp = audio("mlp", FrameLength::Open).coding(Coding::Lossless);
    /// WavPack.
    WavPack = audio("wavpack", FrameLength::Open).coding(Coding::Lossless);
    /// True Audio.
    Tta = audio("tta", FrameLength::Open).coding(Coding::Lossless);
    /// FLAC (RFC 9639).
    Flac = audio("flac", FrameLength::FlacStreamInfo).matroska("A_FLAC").private(CodecPrivate::Flac)
        .carried_by(&[Ogg, Flac]).varying().short_end().configured(Configured::Frames)
        .silence(SilenceSource::Flac).coding(Coding::Lossless);
    /// Opus (RFC 6716).
    Opus = audio("opus", FrameLength::OpusToc).matroska("A_OPUS").carried_by(&[WebM, MpegTs, Ogg, Opus]).primed()
        .varying().configured(Configured::OpusHead).silence(SilenceSource::Opus);
    /// Vorbis.
    Vorbis = audio("vorbis", FrameLength::VorbisBlocks).matroska("A_VORBIS").carried_by(&[WebM, Ogg]).primed().varying()
        .silence(SilenceSource::Vorbis).coding(Coding::Repeatable);
    /// Speex.
    Speex = audio("speex", FrameLength::Open).carried_by(&[Ogg]);
    /// ALAC.
    Alac = audio("alac", FrameLength::AlacConfig).matroska("A_ALAC").private(CodecPrivate::Alac).short_end()
        .configured(Configured::AlacConfig).silence(SilenceSource::Alac).coding(Coding::Lossless);
    /// AMR, narrow band (3GPP TS 26.071).
    AmrNb = audio("amr_nb", FrameLength::Fixed(160)).configured(Configured::Frames)
        .silence(SilenceSource::Constant(&AMR_SILENCE));
    /// AMR, wide band (3GPP TS 26.171).
    AmrWb = audio("amr_wb", FrameLength::Fixed(320)).configured(Configured::Frames)
        .silence(SilenceSource::Constant(&AMR_WB_SILENCE));

    /// PCM of unsigned 8 bits.
    PcmU8 = pcm("pcm_u8", 0x80).wav(PCM, 8).plain_matroska("A_PCM/INT/LIT").carried_by(&[Wav]);
    /// PCM of signed 8 bits.
    PcmS8 = pcm("pcm_s8", 0);
    /// PCM of 16 bits, little-endian.
    PcmS16Le = pcm("pcm_s16le", 0).wav(PCM, 16).plain_matroska("A_PCM/INT/LIT").carried_by(&[Wav]);
    /// PCM of 16 bits, big-endian.
    PcmS16Be = pcm("pcm_s16be", 0).plain_matroska("A_PCM/INT/BIG");
    /// PCM of 24 bits, little-endian.
    PcmS24Le = pcm("pcm_s24le", 0).wav(PCM, 24).plain_matroska("A_PCM/INT/LIT").carried_by(&[Wav]);
    /// PCM of 24 bits, big-endian.
    PcmS24Be = pcm("pcm_s24be", 0).plain_matroska("A_PCM/INT/BIG");
    /// PCM of 32 bits, little-endian.
    PcmS32Le = pcm("pcm_s32le", 0).wav(PCM, 32).plain_matroska("A_PCM/INT/LIT").carried_by(&[Wav]);
    /// PCM of 32 bits, big-endian.
    PcmS32Be = pcm("pcm_s32be", 0).plain_matroska("A_PCM/INT/BIG");
    /// PCM of 64 bits, little-endian.
    PcmS64Le = pcm("pcm_s64le", 0);
    /// PCM of 64 bits, big-endian.
    PcmS64Be = pcm("pcm_s64be", 0);
    /// PCM of single floats, little-endian.
    PcmF32Le = pcm("pcm_f32le", 0).wav(FLOAT, 32).plain_matroska("A_PCM/FLOAT/IEEE").carried_by(&[Wav]);
    /// PCM of single floats, big-endian.
    PcmF32Be = pcm("pcm_f32be", 0);
    /// PCM of double floats, little-endian.
    PcmF64Le = pcm("pcm_f64le", 0).wav(FLOAT, 64).plain_matroska("A_PCM/FLOAT/IEEE").carried_by(&[Wav]);
    /// PCM of double floats, big-endian.
    PcmF64Be = pcm("pcm_f64be", 0);
    /// PCM by A-law (ITU-T G.711).
    PcmALaw = pcm("pcm_alaw", 0xD5).wav(A_LAW, 8).carried_by(&[Wav]);
    /// PCM by µ-law (ITU-T G.711).
    PcmMuLaw = pcm("pcm_mulaw", 0xFF).wav(MU_LAW, 8).carried_by(&[Wav]);
    /// PCM of Blu-ray discs.
    PcmBluray = pcm("pcm_bluray", 0);
    /// PCM of DVDs.
    PcmDvd = pcm("pcm_dvd", 0);

    /// `tx3g` of MP4 (3GPP TS 26.245).
    MovText = cues("mov_text").plain_matroska("S_TEXT/UTF8").configured(Configured::Cues);
    /// `SubRip`.
    SubRip = cues("subrip").plain_matroska("S_TEXT/UTF8").configured(Configured::Cues);
    /// Advanced `SubStation` Alpha.
    Ass = cues("ass").matroska("S_TEXT/ASS").configured(Configured::Cues);
    /// `WebVTT`. What Matroska and `WebM` call it differs.
    WebVtt = cues("webvtt").matroska("S_TEXT/WEBVTT").carried_by(&[WebM]).configured(Configured::Cues);
    /// Pictures of Blu-ray discs (Presentation Graphic Streams).
    Pgs = cues("hdmv_pgs_subtitle").matroska("S_HDMV/PGS").packets(PacketForm::Graphics);
    /// Pictures of DVDs, drawn with a palette that the configuration has.
    VobSub = cues("dvd_subtitle").matroska("S_VOBSUB").configured(Configured::Palette);
    /// Pictures of DVB (ETSI EN 300 743).
    DvbSubtitle = cues("dvb_subtitle").matroska("S_DVBSUB").carried_by(&[MpegTs]);
    /// Text of Blu-ray discs.
    HdmvText = cues("hdmv_text_subtitle").matroska("S_HDMV/TEXTST");
    /// Plain text.
    Text = cues("text").matroska("S_TEXT/ASCII");
    /// Captions of ARIB STD-B24.
    AribCaption = cues("arib_caption").matroska("S_ARIBSUB");
    /// Teletext of DVB (ETSI EN 300 472).
    DvbTeletext = cues("dvb_teletext");
    /// Data of which nothing is known.
    Data = data("bin_data");
    /// Splices of a broadcast (SCTE 35).
    Scte35 = data("scte_35");

    /// One that is nowhere but in this row, as a new one would be.
    #[cfg(test)]
    Invented = audio("invented", FrameLength::Fixed(960)).matroska("A_INVENTED").carried_by(&[Ogg]).primed()
        .coding(Coding::Lossless);
}

/// What encoders of AMR give for digital silence once they have settled: 3GPP TS 26.101 at 4.75 kbit/s and 26.201
/// at 12.65 kbit/s, with the header that frames have in files (RFC 4867 § 5.3). The frame type that says that
/// there are no data is no help: FFmpeg's narrow-band decoder fails at it, and behind it the sound of
/// the wide-band one comes back several times as loud as it is.
const AMR_SILENCE: [u8; 13] = [
    0x04, 0x36, 0x3C, 0xC7, 0xF0, 0x67, 0x04, 0x35, 0xFF, 0xE0, 0, 0, 0,
];
const AMR_WB_SILENCE: [u8; 33] = [
    0x14, 0x40, 0x46, 0x10, 0xFF, 0xF3, 0xFE, 0x77, 0xF0, 0x61, 0x12, 0xF0, 0x12, 0x37, 0x57, 0xBF,
    0x99, 0x12, 0x10, 0xF8, 0x70, 0x01, 0x06, 0x11, 0x41, 0x02, 0x19, 0xBF, 0xF0, 0x03, 0x0B, 0x71,
    0x60,
];

/// What the names of codecs begin with that libav has no name for: cues and data of Matroska, which are carried
/// as they are.
const MATROSKA_CUES: &str = "S_";
const MATROSKA_DATA: &str = "D_";

impl Codec {
    /// The one that libav calls so.
    ///
    /// # Example
    /// ```
    /// use media_concat::media::Codec;
    /// assert_eq!(Codec::from_name("h264"), Codec::H264);
    /// assert_eq!(Codec::from_name("cinepak").name(), "cinepak");
    /// ```
    #[must_use]
    pub fn from_name(name: &str) -> Self {
        if name == OTHER.name {
            return Self::Unknown;
        }
        let known = Self::ALL.iter().find(|codec| codec.facts().name == name);
        known
            .cloned()
            .unwrap_or_else(|| Self::Other(Arc::from(name)))
    }

    /// libav's name; `unknown` where libav knows none.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Other(name) => name,
            known => known.facts().name,
        }
    }

    /// What streams of it carry; `None` where nothing is known of it.
    #[must_use]
    pub const fn kind(&self) -> Option<StreamKind> {
        self.facts().kind
    }

    /// Whether its frames are PCM samples as they are.
    pub(crate) const fn is_pcm(&self) -> bool {
        matches!(self.facts().silence, SilenceSource::Pcm(_))
    }

    /// Samples per coded frame, by the rate and the configuration; 0 where the codec leaves it open.
    pub(crate) fn frame_samples(&self, sample_rate: u32, extradata: &[u8]) -> u32 {
        match self.facts().frame {
            FrameLength::Open | FrameLength::OpusToc | FrameLength::VorbisBlocks => 0,
            FrameLength::Fixed(samples) => samples,
            FrameLength::MpegLayer3 if sample_rate < 32_000 => 576,
            FrameLength::MpegLayer3 => 1152,
            // The cookie (`ALACSpecificConfig`) follows a box header and a version.
            FrameLength::AlacConfig => match extradata.get(12..16) {
                Some(&[a, b, c, d]) => u32::from_be_bytes([a, b, c, d]),
                _ => 0,
            },
            // STREAMINFO begins with the least and the greatest block length: only equal ones are one.
            FrameLength::FlacStreamInfo => match extradata {
                [a, b, c, d, ..] if (a, b) == (c, d) => u32::from(u16::from_be_bytes([*a, *b])),
                _ => 0,
            },
        }
    }

    /// What Matroska calls cues or data of a codec that has no other name.
    fn matroska_only(&self) -> Option<&str> {
        let Self::Other(name) = self else {
            return None;
        };
        let is_told = name.starts_with(MATROSKA_CUES) || name.starts_with(MATROSKA_DATA);
        is_told.then_some(name)
    }

    /// `CodecID` in Matroska or `WebM`. What libav does not know keeps the one that it came with.
    pub(crate) fn matroska_id(&self, container: Container) -> Option<&str> {
        if *self == Self::WebVtt && container == WebM {
            return Some("D_WEBVTT/SUBTITLES");
        }
        self.facts().matroska.or_else(|| self.matroska_only())
    }

    /// Whether an output in `container` has a place for a stream of this codec and `kind`. What ISO base media files
    /// have a place for, their sample entries say.
    pub(crate) fn is_carried_by(&self, container: Container, kind: StreamKind) -> bool {
        match container {
            Container::Matroska | Container::Mka => {
                let fits = match kind {
                    StreamKind::Video => container == Container::Matroska,
                    StreamKind::Audio | StreamKind::Subtitle => true,
                    StreamKind::Data => self.name().starts_with(MATROSKA_DATA),
                };
                fits && self.matroska_id(container).is_some()
            }
            WebM => kind != StreamKind::Data && self.facts().carriers.contains(&container),
            MpegTs | Ogg | Opus => self.facts().carriers.contains(&container),
            Mp3 | Adts | Flac | Wav => {
                kind == StreamKind::Audio && self.facts().carriers.contains(&container)
            }
            Container::Mp4 | Container::M4a | Container::Mov => true,
            // Not written.
            Container::Latm
            | Container::Ac3
            | Container::Aiff
            | Container::Amr
            | Container::Flv
            | Container::Avi => false,
        }
    }
}

impl fmt::Display for Codec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(feature = "serde")]
impl serde::Serialize for Codec {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_has_a_name_of_its_own() {
        for codec in Codec::ALL {
            assert_eq!(Codec::from_name(codec.name()), *codec);
        }
    }

    /// A codec is added by its row: `Invented` stands in no other place, and everything that is asked of codecs is
    /// answered.
    #[test]
    fn a_codec_is_added_by_one_row() {
        let codec = Codec::from_name("invented");
        assert_eq!(codec, Codec::Invented);
        assert_eq!(codec.frame_samples(48_000, &[]), 960);
        assert_eq!(codec.matroska_id(Container::Mka), Some("A_INVENTED"));
        let sound = |container| codec.is_carried_by(container, StreamKind::Audio);
        assert!(sound(Container::Matroska) && sound(Container::Mka) && sound(Ogg));
        assert!(!sound(WebM) && !sound(MpegTs) && !sound(Wav));
        assert!(!codec.is_pcm());
    }

    #[test]
    fn what_libav_does_not_know_keeps_its_name() {
        let codec = Codec::from_name("S_NEW");
        assert_eq!(codec.name(), "S_NEW");
        assert_eq!(codec.matroska_id(Container::Matroska), Some("S_NEW"));
        assert!(codec.is_carried_by(Container::Matroska, StreamKind::Subtitle));
        assert!(!codec.is_carried_by(Container::Matroska, StreamKind::Data));
        assert!(Codec::from_name("D_NEW").is_carried_by(Container::Mka, StreamKind::Data));
        assert_eq!(Codec::from_name("unknown"), Codec::Unknown);
    }
}
