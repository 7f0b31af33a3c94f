package collector

import (
	"net/url"
	"strconv"
	"strings"

	"bookservice/tracer/collector/internal/store"
)

// LossesHeader is the header of a post by which a sender reports the spans that it has lost. Its
// value is a list of name=value pairs that semicolons separate. Names and values are
// percent-encoded. service and instance identify the process, since is when it started, in
// microseconds since 1970. Every other name is a reason, and its value the number of spans that
// were lost for it since then. For example:
//
//	service=bookclient;instance=5f2c;since=1795670827511470;queue%20full=37;not%20flushed=2
//
// The numbers only grow, so a report may be sent twice or be lost.
const LossesHeader = "X-Span-Losses"

// maxLosses limits a header's length.
const maxLosses = 4096

// ReportLosses stores what a sender has reported by the value of a header, see [LossesHeader]. It
// ignores a value that is not well-formed.
func (c *Collector) ReportLosses(value string) {
	if value == "" || len(value) > maxLosses {
		return
	}
	var (
		sender store.Sender
		since  int64
		lost   []store.SpanCount
	)
	for pair := range strings.SplitSeq(value, ";") {
		name, text, _ := strings.Cut(strings.TrimSpace(pair), "=")
		name, err := url.PathUnescape(name)
		if err != nil {
			return
		}
		if text, err = url.PathUnescape(text); err != nil {
			return
		}
		switch name {
		case "service":
			sender.Service = text
		case "instance":
			sender.Instance = text
		default:
			n, err := strconv.ParseInt(text, 10, 64)
			if err != nil || n < 0 || name == "" {
				return
			}
			if name == "since" {
				since = n
			} else {
				lost = append(lost, store.SpanCount{Reason: name, Spans: n})
			}
		}
	}
	if sender.Service != "" {
		c.store.ReportLosses(sender, since, lost)
	}
}
