"""The sound of a clip on its way into another file: copied as it is where MP4 takes it, encoded anew elsewhere."""

from fractions import Fraction
from pathlib import Path
from typing import cast

import av

from engine.video.container import open_container

# Codecs that are copied into an MP4 bit by bit; others (PCM of a MOV, Vorbis of a WebM) become AAC.
COPIED = {"aac", "mp3", "mp3float", "opus", "libopus", "flac", "alac", "ac3", "eac3"}
BITS_PER_CHANNEL = 96_000  # a second; AAC is transparent to most ears from about 64,000 on
ENCODER_RATES = {7350, 8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000, 64000, 88200, 96000}
USUAL_RATE = 48_000
LAYOUTS = {1: "mono", 2: "stereo", 6: "5.1"}  # by channels; the others are mixed into two


class Sound:
    """All sound tracks of a clip, read beside its picture and handed on as far as the picture has come.

    Args:
        source: the clip; opened a second time, so that picture and sound need not wait for each other.
        output: where the tracks are added; before its header is written.
    """

    def __init__(self, source: Path, output: av.container.OutputContainer) -> None:
        self.left_out: list[str] = []  # codecs of tracks that could not be taken along
        self._output = output
        self._container = open_container(source)
        self._tracks: dict[int, av.AudioStream] = {}
        self._encoders: dict[int, av.AudioStream] = {}
        for track in self._container.streams.audio:
            self._add(track)
        self._packets = self._container.demux([self._container.streams[index] for index in self._indices()])
        self._waiting: av.Packet | None = None

    def write_until(self, seconds: float | None) -> None:
        """Hands on what begins before a moment of the clip; None: all the rest."""
        if not self._indices():
            return
        while True:
            packet = self._waiting or self._read()
            self._waiting = None
            if packet is None:
                return
            if seconds is not None and moment(packet) >= seconds:
                self._waiting = packet
                return
            self._write(packet)

    def close(self, is_complete: bool) -> None:
        """Closes the source; where the file is to be whole, hands on what the encoders still hold."""
        if is_complete:
            for stream in self._encoders.values():
                self._output.mux(stream.encode(None))
        self._container.close()

    def _indices(self) -> list[int]:
        return [*self._tracks, *self._encoders]

    def _add(self, track: av.AudioStream) -> None:
        if track.codec_context is None:
            self.left_out.append("unknown")
            return
        name = track.codec_context.name
        added: av.AudioStream
        if name in COPIED:
            added = self._tracks[track.index] = self._output.add_stream_from_template(track)
        else:
            rate = track.codec_context.sample_rate
            added = self._output.add_stream("aac", rate=rate if rate in ENCODER_RATES else USUAL_RATE)
            # A file that tells only how many channels it has leaves the layout open; AAC needs one.
            channels = track.codec_context.channels
            added.codec_context.layout = LAYOUTS.get(channels, "stereo")
            added.codec_context.bit_rate = BITS_PER_CHANNEL * min(channels, 6)
            added.codec_context.time_base = Fraction(1, added.codec_context.sample_rate)
            self._encoders[track.index] = added
        if track.language:
            added.metadata["language"] = track.language

    def _read(self) -> av.Packet | None:
        """The next packet that has a time; None at the end, also that of a file that breaks off."""
        try:
            return next((packet for packet in self._packets if packet.pts is not None and not packet.is_corrupt), None)
        except av.FFmpegError:
            return None

    def _write(self, packet: av.Packet) -> None:
        index = packet.stream.index
        if index in self._tracks:
            packet.stream = self._tracks[index]
            self._output.mux(packet)
            return
        try:
            frames = cast(list[av.AudioFrame], packet.decode())
        except av.FFmpegError:  # a damaged piece of sound is silent
            return
        for frame in frames:
            self._output.mux(self._encoders[index].encode(frame))


def moment(packet: av.Packet) -> float:
    """When what a packet holds begins, seconds of the clip."""
    assert packet.pts is not None, "only packets that have a time are handed on"
    return float(packet.pts * packet.time_base)
