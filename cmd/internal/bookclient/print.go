package bookclient

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"bookservice/cmd/internal/output"
	"bookservice/configs"
	"bookservice/service"
)

// A result is what one run prints.
type result struct {
	Instances []string   `json:"instances"` // the instance of each attempt
	Info      []bookLine `json:"info"`
	List      []bookLine `json:"list"`
	TraceID   string     `json:"traceId,omitempty"`
	TraceURL  string     `json:"traceUrl,omitempty"`

	url func(traceID string) string
}

type bookLine struct {
	ID   int32  `json:"bookId"`
	Name string `json:"bookName"`
}

func bookLines(books ...service.Book) []bookLine {
	all := make([]bookLine, 0, len(books))
	for _, b := range books {
		all = append(all, bookLine{b.ID, b.Name})
	}
	return all
}

// labels are the texts of the output in one language.
type labels struct{ service, now, info, list string }

func labelsIn(chinese bool) labels {
	if chinese {
		return labels{"请求服务", "当前时间", "获取书籍详情", "获取书籍列表"}
	}
	return labels{"service", "time", "book", "books"}
}

// print writes the result in one Write.
func (r result) print(w io.Writer, cfg configs.Client) error {
	if r.TraceID != "" {
		r.TraceURL = r.url(r.TraceID)
	}
	var text bytes.Buffer
	if cfg.JSON {
		if err := json.NewEncoder(&text).Encode(r); err != nil {
			return err
		}
	} else {
		r.printText(&text, labelsIn(cfg.Chinese()))
	}
	_, err := w.Write(text.Bytes())
	return err
}

// printText writes text. Names are of foreign origin: each stays on its line.
func (r result) printText(w io.Writer, l labels) {
	last := ""
	for _, instance := range r.Instances {
		if instance != last {
			now := time.Now().Format("2006-01-02 15:04:05.00")
			fmt.Fprintf(w, "%s: %s %s: %s\n", l.service, output.Line(instance), l.now, now)
			last = instance
		}
	}
	for _, part := range []struct {
		title string
		books []bookLine
	}{{l.info, r.Info}, {l.list, r.List}} {
		fmt.Fprintln(w, part.title)
		for _, b := range part.books {
			fmt.Fprintf(w, "bookId: %d  =>  bookName: %s\n", b.ID, output.Line(b.Name))
		}
	}
	if r.TraceID != "" {
		fmt.Fprintf(w, "trace: %s", r.TraceID)
		if r.TraceURL != "" {
			fmt.Fprintf(w, "  %s", output.Line(r.TraceURL))
		}
		fmt.Fprintln(w)
	}
}
