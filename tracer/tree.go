package tracer

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/openzipkin/zipkin-go/model"
)

// WriteTree writes the spans as trees, one a trace: each span below its parent, in the order of their starts, with kind,
// service and duration.
func (m *Memory) WriteTree(w io.Writer) error {
	spans := m.Spans()
	slices.SortStableFunc(spans, func(a, b model.SpanModel) int { return a.Timestamp.Compare(b.Timestamp) })
	held := map[model.ID]bool{}
	below := map[model.ID][]model.SpanModel{}
	for _, s := range spans {
		held[s.ID] = true
	}
	var roots []model.SpanModel
	for _, s := range spans {
		if s.ParentID != nil && held[*s.ParentID] {
			below[*s.ParentID] = append(below[*s.ParentID], s)
		} else {
			roots = append(roots, s)
		}
	}
	var b strings.Builder
	for _, s := range roots {
		fmt.Fprintf(&b, "%s\n", line(s))
		writeBelow(&b, below, s.ID, "")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func writeBelow(b *strings.Builder, below map[model.ID][]model.SpanModel, id model.ID, indent string) {
	children := below[id]
	for i, s := range children {
		branch, deeper := "├─ ", "│  "
		if i == len(children)-1 {
			branch, deeper = "└─ ", "   "
		}
		fmt.Fprintf(b, "%s%s%s\n", indent, branch, line(s))
		writeBelow(b, below, s.ID, indent+deeper)
	}
}

func line(s model.SpanModel) string {
	kind := ""
	if s.Kind != model.Undetermined {
		kind = " " + string(s.Kind)
	}
	return fmt.Sprintf("%s%s %s %v", s.Name, kind, s.LocalEndpoint.ServiceName, s.Duration.Round(time.Microsecond))
}
