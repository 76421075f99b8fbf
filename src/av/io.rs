//! A demuxer over bytes of ours, which can open nothing else.

use std::{
    ffi::{CStr, c_char, c_int, c_void},
    io::{Cursor, Read, Seek},
    ptr::{self, NonNull},
    sync::Arc,
};

use bytes::Bytes;
use ffmpeg_next::{ffi, format::context::StreamIo};

use super::{
    AvError, Interrupt, check,
    interrupt::{Interruptible, is_due},
};

/// The one demuxer that is let near the bytes of a sample entry.
const MOV: &CStr = c"mov";
/// Pictures above this are not decoded to learn about them: 8192 × 8192. What the sample entry says
/// about a larger one still stands.
const MAX_PIXELS: i64 = 8192 * 8192;
/// Bytes that libav reads at a time.
const BUFFER: usize = 128 << 10;
/// The least that libav may read while it looks; never less than the file has.
const PROBED: i64 = 4096;
/// How much media time is looked at, in microseconds. There is one sample per stream, so this binds
/// only a file that is not ours.
const ANALYSED: i64 = 5_000_000;

/// An opened demuxer with its streams described.
pub(super) struct Input {
    /// Ours alone; null once libav has freed it.
    context: *mut ffi::AVFormatContext,
    /// Read by `context` through callbacks, so it is dropped after it (see `Drop`).
    io: StreamIo,
    /// Asked by `context`, which has a pointer to it, so it is dropped after it, too.
    interrupt: Arc<Interrupt>,
}

impl Input {
    /// Opens a complete MP4 or MOV and looks at the first samples of its streams.
    pub(super) fn open(media: Bytes) -> Result<Self, AvError> {
        let len = i64::try_from(media.len()).unwrap_or(i64::MAX);
        let interrupt = Interrupt::default();
        let mut input = Self::with_header(MOV, Cursor::new(media), len.max(PROBED), interrupt)?;
        input.describe_streams()?;
        Ok(input)
    }

    /// Opens what `reader` gives with one demuxer and no other, which will look at the streams in at
    /// most `probed` bytes. Every call ends with an error once `interrupt` is due.
    pub(super) fn with_header<R: Read + Seek + Send + 'static>(
        demuxer: &CStr,
        reader: R,
        probed: i64,
        interrupt: Interrupt,
    ) -> Result<Self, AvError> {
        let mut input = Self::unopened(reader, interrupt)?;
        // SAFETY: the context is fresh and ours, and `io` and `interrupt`, which does not move, outlive
        // it: the drop of `Self` frees the context first. The flag says that the context does not own
        // its `pb`.
        unsafe {
            let context = input.context;
            (*context).pb = input.io.as_mut_ptr();
            (*context).flags |= ffi::AVFMT_FLAG_CUSTOM_IO;
            (*context).io_open = Some(refuse);
            (*context).interrupt_callback = ffi::AVIOInterruptCB {
                callback: Some(is_due),
                opaque: Arc::as_ptr(&input.interrupt).cast_mut().cast::<c_void>(),
            };
            (*context).probesize = probed;
            (*context).max_analyze_duration = ANALYSED;
        }
        input.set(c"format_whitelist", demuxer)?;
        input.set(c"protocol_whitelist", c"")?;
        input.read_header(demuxer)?;
        Ok(input)
    }

    /// Has the streams looked at in at most `probed` bytes, with no decoders but `decoders`.
    pub(super) fn restrict(&mut self, probed: i64, decoders: &CStr) -> Result<(), AvError> {
        // SAFETY: the context is ours and alive.
        unsafe { (*self.context).probesize = probed }
        self.set(c"codec_whitelist", decoders)
    }

    /// A context that has read nothing yet, and what it will read from.
    fn unopened<R: Read + Seek + Send + 'static>(
        reader: R,
        interrupt: Interrupt,
    ) -> Result<Self, AvError> {
        let reader = Interruptible {
            reader,
            interrupt: interrupt.clone(),
        };
        // The callbacks are those of a reader of ours, which does not panic.
        let io = StreamIo::from_read_seek_with_capacity(reader, BUFFER).map_err(|error| {
            AvError::Failed {
                call: "avio_alloc_context",
                code: error.into(),
            }
        })?;
        // SAFETY: takes nothing; what it returns is ours.
        let context = unsafe { ffi::avformat_alloc_context() };
        if context.is_null() {
            return Err(AvError::OutOfMemory {
                call: "avformat_alloc_context",
            });
        }
        Ok(Self {
            context,
            io,
            interrupt: Arc::new(interrupt),
        })
    }

    /// Sets an option of the context.
    fn set(&mut self, name: &CStr, value: &CStr) -> Result<(), AvError> {
        // SAFETY: the context is ours and alive, its first member is the class that `av_opt_set`
        // wants, and both texts are terminated and copied.
        let code = unsafe {
            ffi::av_opt_set(
                self.context.cast::<c_void>(),
                name.as_ptr(),
                value.as_ptr(),
                0,
            )
        };
        check("av_opt_set", code).map(drop)
    }

    fn read_header(&mut self, name: &CStr) -> Result<(), AvError> {
        // SAFETY: it reads a constant table; the name is terminated.
        let demuxer = unsafe { ffi::av_find_input_format(name.as_ptr()) };
        if demuxer.is_null() {
            return Err(AvError::Missing {
                what: "demuxer",
                codec: name.to_string_lossy().into_owned(),
            });
        }
        // SAFETY: the context is ours and unopened; the name may be null where I/O is our own. A
        // failure frees the context and makes our pointer null, which `Drop` may be given.
        let code = unsafe {
            ffi::avformat_open_input(&raw mut self.context, ptr::null(), demuxer, ptr::null_mut())
        };
        check("avformat_open_input", code).map(drop)
    }

    /// Looks at the first packets to find out what the streams are.
    pub(super) fn describe_streams(&mut self) -> Result<(), AvError> {
        let mut options = Options::per_stream(self.stream_count())?;
        // SAFETY: the context is open and ours; there is one dictionary for each of its streams.
        let code = unsafe { ffi::avformat_find_stream_info(self.context, options.0.as_mut_ptr()) };
        check("avformat_find_stream_info", code).map(drop)
    }

    /// The context, for calls that take it: ours alone, and alive as long as `self`.
    pub(super) fn context(&mut self) -> *mut ffi::AVFormatContext {
        self.context
    }

    /// Number of streams.
    pub(super) fn stream_count(&self) -> usize {
        // SAFETY: the context is ours and alive; this reads one integer of it.
        unsafe { (*self.context).nb_streams as usize }
    }

    /// The streams, in the order of the container's tracks.
    pub(super) fn streams(&self) -> impl Iterator<Item = Stream<'_>> {
        (0..self.stream_count()).filter_map(|index| {
            // SAFETY: the context is ours and alive; it has `nb_streams` stream pointers, and
            // `index` is below that. Nothing adds streams while `self` is borrowed.
            let stream = unsafe { *(*self.context).streams.add(index) };
            NonNull::new(stream).map(|stream| Stream {
                input: self,
                stream,
            })
        })
    }
}

impl Drop for Input {
    fn drop(&mut self) {
        // SAFETY: the context is ours, opened or not, or null; nobody uses it after this. It leaves its
        // `pb` alone (`AVFMT_FLAG_CUSTOM_IO`), which `io` frees when it is dropped next.
        unsafe { ffi::avformat_close_input(&raw mut self.context) }
    }
}

/// One stream of an input.
pub(super) struct Stream<'a> {
    input: &'a Input,
    stream: NonNull<ffi::AVStream>,
}

impl Stream<'_> {
    /// The stream's codec parameters: valid, and written to by nobody, while `self` is borrowed.
    pub(super) fn parameters(&self) -> *const ffi::AVCodecParameters {
        // SAFETY: the stream belongs to the context of `input`, which is borrowed for as long.
        unsafe { (*self.stream.as_ptr()).codecpar }
    }

    /// The stream itself, for fields that have no accessor: valid while `self` is borrowed.
    pub(super) fn as_ptr(&self) -> *const ffi::AVStream {
        self.stream.as_ptr()
    }

    /// Width and height of a pixel: the container's word, then the codec's; 1:1 without either.
    pub(super) fn sample_aspect(&self) -> (u32, u32) {
        // SAFETY: context and stream are alive while `self` is borrowed, and only read; the frame
        // may be null.
        let aspect = unsafe {
            ffi::av_guess_sample_aspect_ratio(
                self.input.context,
                self.stream.as_ptr(),
                ptr::null_mut(),
            )
        };
        match (u32::try_from(aspect.num), u32::try_from(aspect.den)) {
            (Ok(width), Ok(height)) if width > 0 && height > 0 => (width, height),
            _ => (1, 1),
        }
    }
}

/// One dictionary of decoder options for each stream.
struct Options(Vec<*mut ffi::AVDictionary>);

impl Options {
    fn per_stream(count: usize) -> Result<Self, AvError> {
        let mut options = Self(vec![ptr::null_mut(); count]);
        for dictionary in &mut options.0 {
            // SAFETY: `dictionary` is null or a dictionary of ours; the name is a terminated
            // constant, and is copied.
            let code =
                unsafe { ffi::av_dict_set_int(dictionary, c"max_pixels".as_ptr(), MAX_PIXELS, 0) };
            check("av_dict_set_int", code)?;
        }
        Ok(options)
    }
}

impl Drop for Options {
    fn drop(&mut self) {
        for dictionary in &mut self.0 {
            // SAFETY: each is null or a dictionary of ours, freed once: it is null afterwards.
            unsafe { ffi::av_dict_free(dictionary) }
        }
    }
}

/// What the demuxer gets when it wants to open something else: an external data reference.
unsafe extern "C" fn refuse(
    _context: *mut ffi::AVFormatContext,
    _io: *mut *mut ffi::AVIOContext,
    _url: *const c_char,
    _flags: c_int,
    _options: *mut *mut ffi::AVDictionary,
) -> c_int {
    ffi::AVERROR(ffi::EACCES)
}
