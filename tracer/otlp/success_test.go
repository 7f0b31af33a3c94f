package otlp_test

import (
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/opentracing/opentracing-go"
	"google.golang.org/protobuf/proto"

	"bookservice/tracer"
	"bookservice/tracer/otlp"
	"bookservice/tracer/tracertest/receiver"
	"bookservice/tracer/tracertest/testkit"
)

// An httpAnswer is an answer over HTTP.
type httpAnswer struct {
	status            int
	contentType, body string
}

func (a httpAnswer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	w.Header().Set("Content-Type", a.contentType)
	if a.contentType == "" {
		w.Header()["Content-Type"] = nil // otherwise net/http guesses it
	}
	w.WriteHeader(a.status)
	_, _ = io.WriteString(w, a.body) // fails for 204
}

// TestSuccessWithoutAMessage has HTTP collectors that report success without a message of the
// protocol.
func TestSuccessWithoutAMessage(t *testing.T) {
	const proto = "application/x-protobuf"
	for _, answer := range []httpAnswer{
		{200, proto, ""}, {200, proto, "\xff"}, {200, "", ""}, {200, "", "ok"},
		{200, "text/html", ""},
		{200, "application/json", "{}"}, {200, "Application/JSON; charset=UTF-8", "{}"},
		{200, "application/octet-stream", "\x00"}, {200, ";", "ok"},
		{202, "", ""}, {202, proto, ""}, {204, "", ""}, {204, proto, ""},
	} {
		var requests atomic.Int32
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			requests.Add(1)
			if r.Header.Get("Content-Type") != proto ||
				r.Header.Get("User-Agent") != "bookservice-tracer-OTLP" {
				t.Errorf("have header %v", r.Header)
			}
			answer.ServeHTTP(w, r)
		}))
		s := config("otlp")
		s.OTLP.Protocol, s.OTLP.Endpoint = otlp.HTTP, srv.URL
		if err := s.sendOne(t); err != nil || requests.Load() != 1 {
			t.Errorf("%v: have %v after %d requests, want success", answer, err, requests.Load())
		}
		srv.Close()
	}
}

// TestALoginPageIsNotSuccess has a proxy that answers with a page of its own and a status of
// success. The log has the page's first words without secrets, and Close sends the span again.
func TestALoginPageIsNotSuccess(t *testing.T) {
	t.Parallel()
	const page = "<html>please log in</html>"
	for _, answer := range []httpAnswer{
		{200, "text/html", page}, {200, "Text/HTML; charset=utf-8", page},
		{200, "text/html;", page},
		{200, "text/html; charset", page}, {200, "application/xhtml+xml", page},
		{200, "text/plain", page}, {201, "text/html", page}, {202, "text/html", page},
		{203, "text/html", page}, {204, "text/html", ""}, {206, "text/html", page},
		{206, "text/html", ""},
	} {
		t.Run(fmt.Sprint(answer), func(t *testing.T) {
			t.Parallel()
			r := receiver.NewOTLP(t, nil)
			collector, err := url.Parse(r.HTTPURL)
			if err != nil {
				t.Fatal(err)
			}
			proxy := httputil.NewSingleHostReverseProxy(&url.URL{
				Scheme: collector.Scheme, Host: collector.Host,
			})
			var requests atomic.Int32
			srv := httptest.NewServer(http.HandlerFunc(
				func(w http.ResponseWriter, r *http.Request) {
					if requests.Add(1) > 1 {
						proxy.ServeHTTP(w, r)
						return
					}
					answer := answer
					if answer.body != "" {
						answer.body += r.Header.Get("X-Key")
					}
					answer.ServeHTTP(w, r)
				}))
			t.Cleanup(srv.Close)
			s := config("otlp")
			s.OTLP.Protocol, s.OTLP.Endpoint = otlp.HTTP, srv.URL
			s.OTLP.Headers = "x-key=s3cret-key"
			var lines testkit.Buffer
			err = s.run(t, func(tr opentracing.Tracer) {
				tr.StartSpan("call").Finish()
				testkit.Eventually(t, "a line", func() bool { return lines.String() != "" })
			}, tracer.WithLogger(slog.New(slog.NewTextHandler(&lines, nil))))
			if err != nil || requests.Load() != 2 || len(r.Spans()) != 1 {
				t.Errorf("have %v and %d spans after %d requests, want the span sent again",
					err, len(r.Spans()), requests.Load())
			}
			have := lines.String()
			if !strings.Contains(have, "configuration") || strings.Contains(have, "s3cret") ||
				!strings.Contains(have, strconv.Itoa(answer.status)) ||
				answer.body != "" && !strings.Contains(have, "please log in") {
				t.Errorf("have log %q, want the answer, without secrets", have)
			}
		})
	}
}

// TestPartialSuccessHasAnyFormOfTheMediaType rejects one of two spans, with the media type of the
// protocol in different forms.
func TestPartialSuccessHasAnyFormOfTheMediaType(t *testing.T) {
	answer, _ := rejectOne(1)
	message, err := proto.Marshal(answer)
	if err != nil {
		t.Fatal(err)
	}
	for _, contentType := range []string{
		"application/x-protobuf", "Application/X-Protobuf; charset=utf-8",
		" application/x-protobuf ;messageType=\"x\"", "application/x-protobuf;",
		"application/protobuf",
	} {
		srv := httptest.NewServer(httpAnswer{http.StatusOK, contentType, string(message)})
		s := config("otlp")
		s.OTLP.Protocol, s.OTLP.Endpoint = otlp.HTTP, srv.URL
		var m tracer.Metrics
		err := s.run(t, func(tr opentracing.Tracer) {
			tr.StartSpan("a").Finish()
		}, tracer.WithMetrics(&m))
		if have := m.Stats().Sinks["otlp"]; have.Dropped != 1 || have.Sent != 0 ||
			err == nil || !strings.Contains(err.Error(), "odd") {
			t.Errorf("%s: have %d dropped, %d sent and %v, want 1 rejected",
				contentType, have.Dropped, have.Sent, err)
		}
		srv.Close()
	}
}
