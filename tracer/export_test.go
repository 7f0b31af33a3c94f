package tracer

import (
	"github.com/opentracing/opentracing-go"

	"bookservice/tracer/internal/recording"
)

// Malformed returns how many malformed headers the tracer has read.
func Malformed(tr opentracing.Tracer) uint64 { return tr.(*recording.Recorder).Counts().Malformed }

// BaggageDropped returns how many baggage items the tracer has refused.
func BaggageDropped(tr opentracing.Tracer) uint64 {
	return tr.(*recording.Recorder).Counts().BaggageDropped
}
