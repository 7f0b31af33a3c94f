package collector_test

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protowire"

	"bookservice/tracer/collector"
)

const batch = 500 // spans in a body

// spanBody returns a body of traces of ten spans, in JSON. n makes the ids.
func spanBody(n int) []byte {
	var b bytes.Buffer
	b.WriteByte('[')
	now := time.Now().UnixMicro()
	for i := range batch {
		if i > 0 {
			b.WriteByte(',')
		}
		id := n*batch + i + 1
		fmt.Fprintf(&b, `{"traceId":"%032x","id":"%016x","kind":"SERVER"`+
			`,"name":"book.BookService/GetInfo","timestamp":%d,"duration":%d,"localEndpoint":`+
			`{"serviceName":"bookserver","ipv4":"10.0.0.1","port":50051},`+
			`"tags":{"grpc.code":"OK","id":"%d","layer":"transport"}`,
			int64(1)<<40|int64(id/10), id, now+int64(i), 100+i, id)
		if i%10 > 0 {
			fmt.Fprintf(&b, `,"parentId":"%016x"`, id-1)
		}
		b.WriteByte('}')
	}
	b.WriteByte(']')
	return b.Bytes()
}

func post(c http.Handler, contentType string, body []byte) int {
	const url = "http://localhost/api/v2/spans"
	r := httptest.NewRequest(http.MethodPost, url, bytes.NewReader(body))
	r.Header.Set("Content-Type", contentType)
	w := httptest.NewRecorder()
	c.ServeHTTP(w, r)
	return w.Code
}

// BenchmarkPost measures the spans that the collector accepts, on all processors, while it is full
// and evicts.
func BenchmarkPost(b *testing.B) {
	for _, format := range []string{"JSON", "protobuf"} {
		b.Run(format, func(b *testing.B) {
			config := collector.DefaultConfig()
			config.MaxBytes = 64 << 20
			c, err := collector.New(config)
			if err != nil {
				b.Fatal(err)
			}
			bodies := make([][]byte, 500)
			contentType := "application/json"
			for i := range bodies {
				bodies[i] = spanBody(i)
				if format == "protobuf" {
					contentType = "application/x-protobuf"
					bodies[i] = protoBody(i)
				}
			}
			for _, body := range bodies { // until it is full
				post(c, contentType, body)
			}
			var n atomic.Int64
			b.ReportAllocs()
			b.ResetTimer()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					body := bodies[int(n.Add(1))%len(bodies)]
					if code := post(c, contentType, body); code != http.StatusAccepted {
						b.Errorf("have status %d", code)
					}
				}
			})
			b.ReportMetric(float64(b.N)*batch/b.Elapsed().Seconds(), "spans/s")
		})
	}
}

// protoBody is spanBody in protobuf.
func protoBody(n int) []byte {
	var b []byte
	now := time.Now().UnixMicro()
	field := func(b []byte, num protowire.Number, v string) []byte {
		return protowire.AppendString(protowire.AppendTag(b, num, protowire.BytesType), v)
	}
	for i := range batch {
		id := n*batch + i + 1
		idBytes := func(id int) string {
			return strings.Repeat("\x00", 4) + string([]byte{
				byte(id >> 24), byte(id >> 16), byte(id >> 8), byte(id)})
		}
		var s []byte
		s = field(s, 1, strings.Repeat("\x01", 8)+idBytes(id/10+1))
		if i%10 > 0 {
			s = field(s, 2, idBytes(id-1))
		}
		s = field(s, 3, idBytes(id))
		s = protowire.AppendVarint(protowire.AppendTag(s, 4, protowire.VarintType), 2)
		s = field(s, 5, "book.BookService/GetInfo")
		s = protowire.AppendTag(s, 6, protowire.Fixed64Type)
		s = protowire.AppendFixed64(s, uint64(now+int64(i)))
		s = protowire.AppendVarint(protowire.AppendTag(s, 7, protowire.VarintType), uint64(100+i))
		endpoint := field(field(nil, 1, "bookserver"), 2, "\x0a\x00\x00\x01")
		s = field(s, 8, string(endpoint))
		for _, tag := range [][2]string{
			{"grpc.code", "OK"}, {"id", fmt.Sprint(id)}, {"layer", "transport"},
		} {
			s = field(s, 11, string(field(field(nil, 1, tag[0]), 2, tag[1])))
		}
		b = field(b, 1, string(s))
	}
	return b
}

// BenchmarkQuery measures questions about a full collector.
func BenchmarkQuery(b *testing.B) {
	c, err := collector.New(collector.DefaultConfig())
	if err != nil {
		b.Fatal(err)
	}
	for i := range 800 {
		post(c, "application/x-protobuf", protoBody(i))
	}
	for _, path := range []string{
		"/api/v2/dependencies?endTs=99999999999999&lookback=99999999999999",
		"/api/v2/traces?limit=10", "/api/v2/traces?annotationQuery=id%3Dnone",
		"/api/v2/summaries", "/api/v2/summaries?text=nothing", "/api/v2/services",
		"/api/v2/durations?service=bookserver&name=book.bookservice/getinfo",
	} {
		b.Run(path, func(b *testing.B) {
			for b.Loop() {
				r := httptest.NewRequest(http.MethodGet, "http://localhost"+path, nil)
				w := httptest.NewRecorder()
				if c.ServeHTTP(w, r); w.Code != http.StatusOK {
					b.Fatalf("have %d %s", w.Code, w.Body)
				}
			}
		})
	}
}
