package main

import (
	"encoding/xml"
	"fmt"
	"io"
	"strings"
)

// Sizes of the chart in pixels.
const (
	chartWidth = 860
	nameWidth  = 370
	barWidth   = 400 // of the longest bar
	barHeight  = 11
	rowGap     = 10
	headHeight = 44
)

// drawChart writes the ranked lines as an SVG image: a bar for each number of callers. The colours
// are legible on a light and on a dark background.
func drawChart(w io.Writer, lines []line, callers []int) error {
	var ranked []line
	for _, l := range lines {
		if l.problem == "" {
			ranked = append(ranked, l)
		}
	}
	longest := longestBar(ranked)
	rowHeight := len(callers)*barHeight + rowGap
	height := headHeight + len(ranked)*rowHeight + rowGap
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" `+
		`viewBox="0 0 %[1]d %[2]d" role="img" aria-label="CPU of a call relative to raw gRPC">`+
		"\n%s", chartWidth, height, chartStyle)
	fmt.Fprintf(&b, `<text x="8" y="18" class="title">CPU of server and client per call, `+
		`relative to raw grpc-go</text>`+"\n")
	fmt.Fprintf(&b, `<text x="8" y="34" class="small">bars from above: %s callers; `+
		"→: the bar is cut</text>\n",
		strings.Trim(strings.Join(strings.Fields(fmt.Sprint(callers)), ", "), "[]"))
	for i, l := range ranked {
		top := headHeight + i*rowHeight
		class := "peer"
		if l.row.ours {
			class = "ours"
		}
		fmt.Fprintf(&b, `<text x="%d" y="%d" text-anchor="end" class="%s">%s</text>`+"\n",
			nameWidth-8, top+len(callers)*barHeight/2+4, class, escape(l.row.name))
		for j, s := range l.cpu {
			length, cut := barWidth*min(s.median/longest, 1), ""
			if s.median > longest {
				cut = "→ "
			}
			y := top + j*barHeight
			fmt.Fprintf(&b, `<rect x="%d" y="%d" width="%.1f" height="%d" class="%s bar%d"/>`+"\n",
				nameWidth, y, length, barHeight-1, class, min(j, 1))
			fmt.Fprintf(&b, `<text x="%.1f" y="%d" class="small">%s%.2f</text>`+"\n",
				nameWidth+length+5, y+barHeight-2, cut, s.median)
		}
	}
	b.WriteString("</svg>\n")
	_, err := io.WriteString(w, b.String())
	return err
}

// longestBar returns the figure of the longest bar that is drawn whole: the largest one that is at
// most three times the median.
func longestBar(lines []line) float64 {
	var all []float64
	for _, l := range lines {
		for _, s := range l.cpu {
			all = append(all, s.median)
		}
	}
	if len(all) == 0 {
		return 1
	}
	limit, longest := 3*spreadOf(all).median, 0.0
	for _, figure := range all {
		if figure <= limit {
			longest = max(longest, figure)
		}
	}
	return longest
}

// chartStyle has colours for both backgrounds.
const chartStyle = `<style>
text { font: 12px sans-serif; fill: #24292f }
.title { font-weight: bold }
.small { font-size: 10px }
text.ours { font-weight: bold }
rect.peer { fill: #8c959f }
rect.ours { fill: #0969da }
.bar1 { opacity: .7 }
@media (prefers-color-scheme: dark) {
text { fill: #e6edf3 }
rect.peer { fill: #7d8590 }
rect.ours { fill: #4493f8 }
}
</style>
`

func escape(text string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(text)) // a strings.Builder has no errors
	return b.String()
}
