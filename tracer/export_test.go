package tracer

import "github.com/opentracing/opentracing-go"

// Malformed returns how many malformed headers the tracer has seen.
func Malformed(tr opentracing.Tracer) uint64 { return tr.(*recorder).propagation.malformed.Load() }

// BaggageDropped returns how many baggage items the tracer has refused.
func BaggageDropped(tr opentracing.Tracer) uint64 { return tr.(*recorder).propagation.dropped.Load() }
