package tracer

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/openzipkin/zipkin-go/model"
)

// WriteTree writes the spans as trees: each span below its parent, ordered by start, with kind,
// service and duration. A span whose parent is not in m is a root. Names are escaped as Go strings
// are: one that has a line break or a terminal's control characters is shown, and has no effect.
func (m *Memory) WriteTree(w io.Writer) error {
	spans := m.Spans()
	slices.SortStableFunc(spans, func(a, b model.SpanModel) int {
		return a.Timestamp.Compare(b.Timestamp)
	})
	known := map[model.ID]bool{}
	for _, s := range spans {
		known[s.ID] = true
	}
	children := map[model.ID][]model.SpanModel{}
	var roots []model.SpanModel
	for _, s := range spans {
		if s.ParentID != nil && known[*s.ParentID] {
			children[*s.ParentID] = append(children[*s.ParentID], s)
		} else {
			roots = append(roots, s)
		}
	}
	var b strings.Builder
	for _, s := range roots {
		fmt.Fprintf(&b, "%s\n", treeLine(s))
		writeChildren(&b, children, s.ID, "")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func writeChildren(
	b *strings.Builder, children map[model.ID][]model.SpanModel, id model.ID, indent string,
) {
	for i, s := range children[id] {
		branch, deeper := "├─ ", "│  "
		if i == len(children[id])-1 {
			branch, deeper = "└─ ", "   "
		}
		fmt.Fprintf(b, "%s%s%s\n", indent, branch, treeLine(s))
		writeChildren(b, children, s.ID, indent+deeper)
	}
}

func treeLine(s model.SpanModel) string {
	kind := ""
	if s.Kind != model.Undetermined {
		kind = " " + string(s.Kind)
	}
	return fmt.Sprintf("%s%s %s %v", printable(s.Name), kind,
		printable(s.LocalEndpoint.ServiceName), s.Duration.Round(time.Microsecond))
}

// printable returns name with escapes if it has characters that are not printable.
func printable(name string) string {
	if strings.IndexFunc(name, func(r rune) bool { return !unicode.IsPrint(r) }) < 0 {
		return name
	}
	quoted := strconv.Quote(name)
	return quoted[1 : len(quoted)-1]
}
