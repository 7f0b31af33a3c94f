package collector

import (
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
)

// version is that of the Zipkin whose API this is, for clients that ask.
const version = "3.6.1"

// health has the form of Zipkin's.
const health = `{
  "status" : "UP",
  "zipkin" : {
    "status" : "UP",
    "details" : {
      "InMemoryStorage{}" : {
        "status" : "UP"
      }
    }
  }
}`

const info = `{"zipkin":{"version":"` + version + `","commit":"bookservice"}}` + "\n"

// uiConfig is what Zipkin's own page asks for.
const uiConfig = `{
  "environment" : "",
  "queryLimit" : 10,
  "defaultLookback" : 900000,
  "searchEnabled" : true,
  "logsUrl" : null,
  "supportUrl" : null,
  "archivePostUrl" : null,
  "archiveUrl" : null,
  "dependency" : {
    "enabled" : true,
    "lowErrorRate" : 0.5,
    "highErrorRate" : 0.75
  }
}`

const actuatorType = "application/vnd.spring-boot.actuator.v2+json; charset=utf-8"

func (c *Collector) getHealth(w http.ResponseWriter, _ *http.Request) {
	text(w, http.StatusOK, jsonUTF8, health)
}

func (c *Collector) getActuatorHealth(w http.ResponseWriter, _ *http.Request) {
	text(w, http.StatusOK, actuatorType, health)
}

func (c *Collector) getInfo(w http.ResponseWriter, _ *http.Request) {
	text(w, http.StatusOK, jsonUTF8, info)
}

func (c *Collector) getActuatorInfo(w http.ResponseWriter, _ *http.Request) {
	text(w, http.StatusOK, actuatorType, info)
}

func (c *Collector) getUIConfig(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Cache-Control", "max-age=600")
	text(w, http.StatusOK, jsonUTF8, uiConfig)
}

// metrics counts what was received, by the names of Zipkin's transports.
type metrics struct{ http, grpc transportMetrics }

func (m *metrics) of(transport string) *transportMetrics {
	if transport == "grpc" {
		return &m.grpc
	}
	return &m.http
}

type transportMetrics struct {
	messages, messagesDropped, bytes, spans atomic.Int64
	messageBytes, messageSpans              atomic.Int64 // of the last message
}

func (m *transportMetrics) accepted(bytes, spans int) {
	m.messages.Add(1)
	m.bytes.Add(int64(bytes))
	m.spans.Add(int64(spans))
	m.messageBytes.Store(int64(bytes))
	m.messageSpans.Store(int64(spans))
}

func (m *transportMetrics) dropped() {
	m.messages.Add(1)
	m.messagesDropped.Add(1)
}

// A metric is one name in both forms of the metrics.
type metric struct {
	kind, name, help string
	value            func(*transportMetrics) int64
}

func metricTable() []metric {
	return []metric{
		{"counter", "spans", "cumulative amount of spans received",
			func(m *transportMetrics) int64 { return m.spans.Load() }},
		{"counter", "messages", "cumulative amount of messages received",
			func(m *transportMetrics) int64 { return m.messages.Load() }},
		{"gauge", "message_spans", "count of spans per message",
			func(m *transportMetrics) int64 { return m.messageSpans.Load() }},
		{"counter", "messages_dropped",
			"cumulative amount of messages received that were later dropped",
			func(m *transportMetrics) int64 { return m.messagesDropped.Load() }},
		{"gauge", "message_bytes", "size of a message containing serialized spans",
			func(m *transportMetrics) int64 { return m.messageBytes.Load() }},
		{"counter", "spans_dropped",
			"cumulative amount of spans received that were later dropped",
			func(*transportMetrics) int64 { return 0 }},
		{"counter", "bytes", "cumulative amount of bytes received",
			func(m *transportMetrics) int64 { return m.bytes.Load() }},
	}
}

func (c *Collector) getMetrics(w http.ResponseWriter, _ *http.Request) {
	var lines []string
	for _, m := range metricTable() {
		for _, transport := range []string{"http", "grpc"} {
			lines = append(lines, fmt.Sprintf("  \"%s.zipkin_collector.%s.%s\" : %d.0",
				m.kind, m.name, transport, m.value(c.metrics.of(transport))))
		}
	}
	text(w, http.StatusOK, jsonText, "{\n"+strings.Join(lines, ",\n")+"\n}")
}

func (c *Collector) getPrometheus(w http.ResponseWriter, _ *http.Request) {
	var b strings.Builder
	for _, m := range metricTable() {
		name := "zipkin_collector_" + m.name
		if m.kind == "counter" {
			name += "_total"
		}
		fmt.Fprintf(&b, "# HELP %s %s\n# TYPE %s %s\n", name, m.help, name, m.kind)
		for _, transport := range []string{"http", "grpc"} {
			fmt.Fprintf(&b, "%s{transport=%q,} %d.0\n",
				name, transport, m.value(c.metrics.of(transport)))
		}
	}
	text(w, http.StatusOK, "text/plain; version=0.0.4; charset=utf-8", b.String())
}
