package bookclient

import (
	"encoding/json"
	"fmt"
	"io"
	"time"

	"bookservice/configs"
	"bookservice/service"
)

// result is what one run shows.
type result struct {
	Instances []string `json:"instances"` // that were asked, one an attempt
	Info      []book   `json:"info"`
	List      []book   `json:"list"`
	TraceID   string   `json:"traceId,omitempty"`
	TraceURL  string   `json:"traceUrl,omitempty"`

	url func(traceID string) string
}

type book struct {
	ID   int32  `json:"bookId"`
	Name string `json:"bookName"`
}

func shown(books ...service.Book) []book {
	all := make([]book, 0, len(books))
	for _, b := range books {
		all = append(all, book{b.ID, b.Name})
	}
	return all
}

// words are the parts of the output that a person reads.
type words struct{ service, now, info, list string }

func in(chinese bool) words {
	if chinese {
		return words{"请求服务", "当前时间", "获取书籍详情", "获取书籍列表"}
	}
	return words{"service", "time", "book", "books"}
}

func (r result) print(w io.Writer, cfg configs.Client) error {
	if r.TraceID != "" {
		r.TraceURL = r.url(r.TraceID)
	}
	if cfg.JSON {
		return json.NewEncoder(w).Encode(r)
	}
	said := in(cfg.Chinese())
	last := ""
	for _, instance := range r.Instances {
		if instance != last {
			fmt.Fprintf(w, "%s: %s %s: %s\n", said.service, instance, said.now, time.Now().Format("2006-01-02 15:04:05.00"))
			last = instance
		}
	}
	for _, part := range []struct {
		title string
		books []book
	}{{said.info, r.Info}, {said.list, r.List}} {
		fmt.Fprintln(w, part.title)
		for _, b := range part.books {
			fmt.Fprintf(w, "bookId: %d  =>  bookName: %s\n", b.ID, b.Name)
		}
	}
	if r.TraceID != "" {
		fmt.Fprintf(w, "trace: %s", r.TraceID)
		if r.TraceURL != "" {
			fmt.Fprintf(w, "  %s", r.TraceURL)
		}
		fmt.Fprintln(w)
	}
	return nil
}
