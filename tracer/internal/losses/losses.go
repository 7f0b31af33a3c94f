// Package losses is the header by which a sender tells the collector which spans it has lost.
package losses

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/url"
	"slices"
	"strings"
	"time"

	"bookservice/tracer/delivery"
)

// Header is the name of the header. Package tracer/collector documents its value.
const Header = "X-Span-Losses"

// A Reporter makes the values of one sender.
type Reporter struct{ prefix string }

// New returns a Reporter for a sender of the service's spans.
func New(service string) *Reporter {
	return &Reporter{fmt.Sprintf("service=%s;instance=%016x;since=%d",
		url.PathEscape(service), rand.Uint64(), time.Now().UnixMicro())}
}

// Value returns the header's value for an attempt of a [delivery.SendFunc]. It is empty if nothing
// was lost. A nil Reporter reports nothing.
func (r *Reporter) Value(ctx context.Context) string {
	lost := delivery.Losses(ctx)
	if r == nil || len(lost) == 0 {
		return ""
	}
	var b strings.Builder
	b.WriteString(r.prefix)
	for _, reason := range slices.Sorted(maps.Keys(lost)) {
		fmt.Fprintf(&b, ";%s=%d", url.PathEscape(reason), lost[reason])
	}
	return b.String()
}
