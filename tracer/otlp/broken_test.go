package otlp_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/opentracing/opentracing-go"

	"bookservice/tracer"
	"bookservice/tracer/delivery"
	"bookservice/tracer/otlp"
	"bookservice/tracer/tracertest/testkit"
)

// serveHTTP2 starts a server for HTTP/2 in plain text, and returns its URL.
func serveHTTP2(t *testing.T, h http.HandlerFunc) string {
	t.Helper()
	return "http://" + testkit.ServeHTTP2(t, h)
}

// answerGRPC answers a request over gRPC with a message and a trailer.
func answerGRPC(w http.ResponseWriter, r *http.Request, status, text string, message []byte) {
	_, _ = io.Copy(io.Discard, r.Body)
	w.Header().Set("Content-Type", "application/grpc")
	if message != nil {
		frame := binary.BigEndian.AppendUint32([]byte{0}, uint32(len(message)))
		_, _ = w.Write(append(frame, message...))
	}
	w.Header().Set(http.TrailerPrefix+"Grpc-Status", status)
	if text != "" {
		w.Header().Set(http.TrailerPrefix+"Grpc-Message", text)
	}
}

// accept answers that all spans are accepted.
func accept(w http.ResponseWriter, r *http.Request) { answerGRPC(w, r, "0", "", []byte{}) }

// A result is what became of one span.
type result struct {
	delivery.Stats
	log string
	err error // of Close
}

// sendThrough sends one span to a collector over gRPC, and waits until it is sent or dropped, or
// the log says that the configuration is wrong.
func sendThrough(t *testing.T, url string) result {
	t.Helper()
	s := config("otlp")
	s.OTLP.Endpoint, s.OTLP.Headers = url, "x-key=s3cret-key"
	s.FlushTimeout = 200 * time.Millisecond
	var m tracer.Metrics
	var lines testkit.Buffer
	stats := func() delivery.Stats { return m.Stats().Sinks["otlp"] }
	err := s.run(t, func(tr opentracing.Tracer) {
		tr.StartSpan("call").Finish()
		testkit.Eventually(t, "the span is sent or dropped", func() bool {
			return stats().Sent+stats().Dropped > 0 ||
				strings.Contains(lines.String(), "configuration")
		})
	}, tracer.WithMetrics(&m), tracer.WithLogger(slog.New(slog.NewTextHandler(&lines, nil))))
	return result{stats(), lines.String(), err}
}

// TestHTTPStatusOfAProxyIsNoVerdict has a proxy that answers the first two requests without a gRPC
// status. The spans are sent again.
func TestHTTPStatusOfAProxyIsNoVerdict(t *testing.T) {
	t.Parallel()
	testkit.Slow(t)
	for _, code := range []int{408, 425, 429, 500, 501, 502, 503, 504} {
		for _, contentType := range []string{"", "text/html", "application/grpc"} {
			t.Run(fmt.Sprint(code, contentType), func(t *testing.T) {
				t.Parallel()
				var requests atomic.Int32
				have := sendThrough(t, serveHTTP2(t, func(w http.ResponseWriter, r *http.Request) {
					if requests.Add(1) > 2 {
						accept(w, r)
						return
					}
					_, _ = io.Copy(io.Discard, r.Body)
					w.Header().Set("Content-Type", contentType)
					w.WriteHeader(code)
				}))
				if have.Sent != 1 || requests.Load() != 3 {
					t.Errorf("have %+v after %d requests, want the span sent with the third",
						have, requests.Load())
				}
			})
		}
	}
}

// TestHTTPStatusOfAWrongEndpointKeepsTheSpans has a server that is no collector. It is a mistake in
// the configuration.
func TestHTTPStatusOfAWrongEndpointKeepsTheSpans(t *testing.T) {
	t.Parallel()
	testkit.Slow(t)
	for _, code := range []int{200, 301, 302, 307, 308, 400, 401, 403, 404, 405, 415} {
		t.Run(fmt.Sprint(code), func(t *testing.T) {
			t.Parallel()
			have := sendThrough(t, serveHTTP2(t, func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Location", "/login")
				w.Header().Set("Content-Type", "text/html")
				w.WriteHeader(code)
				_, _ = io.WriteString(w, "<html>please log in")
			}))
			if have.Sent != 0 || have.DroppedBy[delivery.NotFlushed] != 1 || have.Added != 1 {
				t.Errorf("have %+v, want the span kept until Close", have)
			}
		})
	}
}

// resetStreams serves HTTP/2 and resets each stream with the code. After the frames it reads on.
func resetStreams(conn net.Conn, code uint32) {
	const (
		data, resetStream, settings = 0, 3, 4
		endStream, ack              = 1, 1
	)
	write := func(kind, flags byte, stream uint32, payload []byte) {
		frame := []byte{0, 0, byte(len(payload)), kind, flags}
		frame = binary.BigEndian.AppendUint32(frame, stream)
		_, _ = conn.Write(append(frame, payload...))
	}
	if _, err := io.ReadFull(conn, make([]byte, 24)); err != nil { // the client's preface
		return
	}
	write(settings, 0, 0, nil)
	var head [9]byte
	for {
		if _, err := io.ReadFull(conn, head[:]); err != nil {
			return
		}
		size := int64(head[0])<<16 | int64(head[1])<<8 | int64(head[2])
		if _, err := io.CopyN(io.Discard, conn, size); err != nil {
			return
		}
		stream := binary.BigEndian.Uint32(head[5:])
		switch kind, flags := head[3], head[4]; {
		case kind == settings && flags&ack == 0:
			write(settings, ack, 0, nil)
		case kind == data && flags&endStream != 0:
			write(resetStream, 0, stream, binary.BigEndian.AppendUint32(nil, code))
		}
	}
}

// TestResetStreamIsNoVerdict has a proxy that resets the first streams, with each code of HTTP/2
// (RFC 9113, section 7) and one that it does not have. The spans are sent again.
func TestResetStreamIsNoVerdict(t *testing.T) {
	t.Parallel()
	testkit.Slow(t)
	for code := range uint32(15) {
		t.Run(fmt.Sprint(code), func(t *testing.T) {
			t.Parallel()
			var well atomic.Bool
			good := testkit.ServeHTTP2(t, http.HandlerFunc(accept))
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { l.Close() })
			go func() {
				for {
					conn, err := l.Accept()
					if err != nil {
						return
					}
					if well.Load() {
						go forward(conn, good)
						continue
					}
					go func() { defer conn.Close(); resetStreams(conn, code) }()
					time.AfterFunc(300*time.Millisecond, func() { well.Store(true); conn.Close() })
				}
			}()
			if have := sendThrough(t, "http://"+l.Addr().String()); have.Sent != 1 ||
				have.Retried == 0 {
				t.Errorf("have %+v, want the span sent again", have)
			}
		})
	}
}

// forward connects two sides until both have ended.
func forward(conn net.Conn, to string) {
	defer conn.Close()
	peer, err := net.Dial("tcp", to)
	if err != nil {
		return
	}
	go func() { _, _ = io.Copy(peer, conn); peer.Close() }()
	_, _ = io.Copy(conn, peer)
}

// TestStatusInTheTrailerIsTheVerdict has collectors that refuse one request with a status. The
// codes that the protocol does not list as retryable cost the spans.
func TestStatusInTheTrailerIsTheVerdict(t *testing.T) {
	t.Parallel()
	testkit.Slow(t)
	retried := map[int]bool{1: true, 4: true, 10: true, 11: true, 14: true, 15: true}
	for code := 1; code <= 17; code++ {
		if code == 3 || code == 7 || code == 12 || code == 16 {
			continue // the span is kept, see TestConfigurationErrorsOfTheCollector
		}
		for _, trailersOnly := range []bool{false, true} {
			t.Run(fmt.Sprint(code, trailersOnly), func(t *testing.T) {
				t.Parallel()
				var requests atomic.Int32
				have := sendThrough(t, serveHTTP2(t, func(w http.ResponseWriter, r *http.Request) {
					switch {
					case requests.Add(1) > 1:
						accept(w, r)
					case trailersOnly:
						_, _ = io.Copy(io.Discard, r.Body)
						w.Header().Set("Content-Type", "application/grpc")
						w.Header().Set("Grpc-Status", fmt.Sprint(code))
						w.Header().Set("Grpc-Message", "no room for s3cret-key%0Aat all")
					default:
						answerGRPC(w, r, fmt.Sprint(code), "no room for s3cret-key%0Aat all", nil)
					}
				}))
				if retried[code] {
					if have.Sent != 1 || requests.Load() != 2 {
						t.Errorf("have %+v, want the span sent again", have)
					}
					return
				}
				if have.DroppedBy[delivery.Refused] != 1 || requests.Load() != 1 {
					t.Errorf("have %+v after %d requests, want the span refused",
						have, requests.Load())
				}
				if !strings.Contains(have.log, "no room for xxxxx at all") ||
					strings.Contains(have.log, "s3cret") {
					t.Errorf("have log %s, want the words of the collector without the secret",
						have.log)
				}
			})
		}
	}
}

// TestTooLargeIsSplit has collectors and proxies that accept one span a request, each with its own
// words. All spans arrive.
func TestTooLargeIsSplit(t *testing.T) {
	t.Parallel()
	for name, refuse := range map[string]http.HandlerFunc{
		"grpc-go": func(w http.ResponseWriter, r *http.Request) {
			answerGRPC(w, r, "8",
				"grpc: received message larger than max (5000 vs. 4096)", nil)
		},
		"grpc-java": func(w http.ResponseWriter, r *http.Request) {
			answerGRPC(w, r, "8", "gRPC message exceeds maximum size 4096: 5000", nil)
		},
		"tonic": func(w http.ResponseWriter, r *http.Request) {
			answerGRPC(w, r, "11", "Error, decoded message length too large: found 5000 bytes, "+
				"the limit is: 4096 bytes", nil)
		},
		"proxy": func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			w.WriteHeader(http.StatusRequestEntityTooLarge)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var accepted atomic.Int32
			url := serveHTTP2(t, func(w http.ResponseWriter, r *http.Request) {
				body, _ := io.ReadAll(r.Body)
				if n := bytes.Count(body, []byte("a span of the test")); n == 1 {
					accepted.Add(1)
					accept(w, r)
					return
				}
				refuse(w, r)
			})
			s := config("otlp")
			s.OTLP.Endpoint, s.FlushTimeout = url, 20*time.Second
			err := s.run(t, func(tr opentracing.Tracer) {
				for range 8 {
					tr.StartSpan("a span of the test").Finish()
				}
			})
			if err != nil || accepted.Load() != 8 {
				t.Errorf("have %v and %d spans accepted, want all 8", err, accepted.Load())
			}
		})
	}
}

// TestAnswerThatGRPCRejectsIsNoVerdict has answers of a collector whose status is not the one that
// gRPC reports: a message that is larger than gRPC's limit, and messages that are cut. The
// collector may have stored the spans; they are sent again.
func TestAnswerThatGRPCRejectsIsNoVerdict(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]http.HandlerFunc{
		"no message": func(w http.ResponseWriter, r *http.Request) {
			answerGRPC(w, r, "0", "", nil)
		},
		"no status": func(w http.ResponseWriter, r *http.Request) {
			answerGRPC(w, r, "", "", nil)
		},
		"cut message":  func(w http.ResponseWriter, r *http.Request) { cutAnswer(w, r, 0) },
		"compressed":   func(w http.ResponseWriter, r *http.Request) { cutAnswer(w, r, 1) },
		"large header": largeHeader,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var requests atomic.Int32
			have := sendThrough(t, serveHTTP2(t, func(w http.ResponseWriter, r *http.Request) {
				if requests.Add(1) > 1 {
					accept(w, r)
					return
				}
				answer(w, r)
			}))
			if have.Sent != 1 {
				t.Errorf("have %+v, want the span sent", have)
			}
		})
	}
}

// cutAnswer answers with half a message and the status OK.
func cutAnswer(w http.ResponseWriter, r *http.Request, compressed byte) {
	_, _ = io.Copy(io.Discard, r.Body)
	w.Header().Set("Content-Type", "application/grpc")
	_, _ = w.Write([]byte{compressed, 0, 0, 0, 9, 1, 2})
	w.Header().Set(http.TrailerPrefix+"Grpc-Status", "0")
}

// largeHeader answers with a header above the client's limit.
func largeHeader(w http.ResponseWriter, r *http.Request) {
	for i := range 400 {
		w.Header().Set(fmt.Sprint("x-", i), strings.Repeat("x", 1000))
	}
	answerGRPC(w, r, "0", "", []byte{})
}

// TestWordsOfTheCollectorAreQuoted has a collector that refuses with a long text.
func TestWordsOfTheCollectorAreQuoted(t *testing.T) {
	t.Parallel()
	testkit.Slow(t)
	for _, protocol := range protocols {
		url := serveWords(t, protocol, "quota\x1b[31m of s3cret-key is é "+strings.Repeat("x", 500))
		s := config("otlp")
		s.OTLP.Protocol, s.OTLP.Endpoint, s.OTLP.Headers = protocol, url, "x-key=s3cret-key"
		s.FlushTimeout = 500 * time.Millisecond
		err := s.sendOne(t)
		if err == nil || !strings.Contains(err.Error(), "quota") ||
			!strings.Contains(err.Error(), "of xxxxx is é xxxxx") ||
			strings.Contains(err.Error(), "s3cret") || strings.Contains(err.Error(), "\x1b") ||
			strings.Count(err.Error(), "x") > 230 {
			t.Errorf("%s: have %q, want the first 200 bytes without secret and controls",
				protocol, err)
		}
	}
}

// serveWords starts a collector that refuses all requests with the text.
func serveWords(t *testing.T, protocol, text string) string {
	t.Helper()
	if protocol == otlp.GRPC {
		return serveHTTP2(t, func(w http.ResponseWriter, r *http.Request) {
			encoded := strings.NewReplacer("\x1b", "%1B", "é", "%C3%A9").Replace(text)
			answerGRPC(w, r, "16", encoded, nil)
		})
	}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusUnauthorized)
		_, _ = io.WriteString(w, text)
	}))
	t.Cleanup(srv.Close)
	return srv.URL
}
