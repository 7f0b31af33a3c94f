package collector

import (
	"cmp"
	"log/slog"
	"net/http"
	"net/url"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"bookservice/tracer/collector/internal/store"
	"bookservice/tracer/collector/internal/zipkinv2"
)

// A Collector receives spans, keeps them and answers questions about them. It is an
// [http.Handler]. All methods may be called concurrently.
type Collector struct {
	config  Config
	log     *slog.Logger
	store   *store.Store
	metrics metrics
	routes  map[string]handler
	page    *pageFiles
	now     func() time.Time
	slots   chan struct{} // limits how many bodies are decoded at once

	hostWarned atomic.Int64 // when a host was refused last, in seconds since 1970

	closing   chan struct{}
	closeOnce sync.Once
}

// A handler answers requests of one method for one path.
type handler struct {
	method string
	handle func(http.ResponseWriter, *http.Request)
	own    bool // it is no part of Zipkin's API: pages of other origins may not read it
}

// New returns a collector without spans.
func New(config Config) (*Collector, error) {
	if err := config.Validate(); err != nil {
		return nil, err
	}
	files, err := newPageFiles(config.page())
	if err != nil {
		return nil, err
	}
	c := &Collector{
		config:  config,
		log:     cmp.Or(config.Logger, slog.Default()),
		page:    files,
		now:     time.Now,
		slots:   make(chan struct{}, runtime.GOMAXPROCS(0)),
		closing: make(chan struct{}),
	}
	start := uint64(max(0, c.now().UnixMicro())) // it is not negative
	c.store = store.New(config.MaxBytes, config.AutocompleteKeys, start)
	c.routes = c.table()
	return c, nil
}

// Close ends the streams of events, so that a server can shut down. The collector can still be
// asked.
func (c *Collector) Close() error {
	c.closeOnce.Do(func() { close(c.closing) })
	return nil
}

// table returns the handlers by path. Paths that begin with /api/ are under /zipkin too.
func (c *Collector) table() map[string]handler {
	get := func(h func(http.ResponseWriter, *http.Request)) handler {
		return handler{method: http.MethodGet, handle: h}
	}
	own := func(method string, h func(http.ResponseWriter, *http.Request)) handler {
		return handler{method: method, handle: h, own: true}
	}
	return map[string]handler{
		"/api/v2/services":           get(c.getServices),
		"/api/v2/remoteServices":     get(c.getRemoteServices),
		"/api/v2/spans":              get(c.getSpanNames),
		"POST /api/v2/spans":         {method: http.MethodPost, handle: c.postV2},
		"POST /api/v1/spans":         {method: http.MethodPost, handle: c.postV1},
		"/api/v2/autocompleteKeys":   get(c.getAutocompleteKeys),
		"/api/v2/autocompleteValues": get(c.getAutocompleteValues),
		"/api/v2/traceMany":          get(c.getTraceMany),
		"/api/v2/traces":             get(c.getTraces),
		"/api/v2/dependencies":       get(c.getDependencies),

		"/health":             get(c.getHealth),
		"/actuator/health":    get(c.getActuatorHealth),
		"/info":               get(c.getInfo),
		"/actuator/info":      get(c.getActuatorInfo),
		"/metrics":            get(c.getMetrics),
		"/prometheus":         get(c.getPrometheus),
		"/zipkin/config.json": get(c.getUIConfig),

		"POST /v1/traces": {method: http.MethodPost, handle: c.postOTLP},

		"/api/v2/summaries":  own(http.MethodGet, c.getSummaries),
		"/api/v2/events":     own(http.MethodGet, c.getEvents),
		"/api/v2/losses":     own(http.MethodGet, c.getLosses),
		"/api/v2/durations":  own(http.MethodGet, c.getDurations),
		"/api/v2/running":    own(http.MethodGet, c.getRunning),
		"POST /api/v2/clear": own(http.MethodPost, c.postClear),
	}
}

// ServeHTTP answers a request.
func (c *Collector) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("X-Content-Type-Options", "nosniff")
	if !c.allowedHost(r.Host) {
		c.refuseHost(w, r)
		return
	}
	if r.Method == http.MethodTrace {
		text(w, http.StatusMethodNotAllowed, plainText, "405 Method Not Allowed")
		return
	}
	path := cleanPath(r.URL.EscapedPath())
	if rest, ok := strings.CutPrefix(path, "/zipkin"); ok && strings.HasPrefix(rest, "/api/") {
		path = rest
	}
	if c.preflight(w, r, path) {
		return
	}
	h := c.route(r.Method, path)
	if !h.own && !c.isOwn(path) {
		c.allowOrigin(w, r)
	}
	h.handle(w, r)
}

// cleanPath returns a path with single slashes, as Zipkin's server reads it.
func cleanPath(path string) string {
	for strings.Contains(path, "//") {
		path = strings.ReplaceAll(path, "//", "/")
	}
	return path
}

// route returns the handler of a path, in which escapes are left as they are.
func (c *Collector) route(method, path string) handler {
	key := path
	if method == http.MethodPost {
		key = "POST " + path
	}
	if h, ok := c.routes[key]; ok && h.method == method {
		return h
	}
	if id, ok := strings.CutPrefix(path, "/api/v2/trace/"); ok && method == http.MethodGet &&
		id != "" && !strings.Contains(id, "/") {
		if id, err := url.PathUnescape(id); err == nil {
			return handler{handle: func(w http.ResponseWriter, r *http.Request) {
				c.getTrace(w, r, id)
			}}
		}
	}
	if method == http.MethodGet || method == http.MethodHead {
		if h := c.pageRoute(path); h != nil {
			return handler{handle: h, own: true}
		}
	}
	return handler{handle: notFound}
}

// add counts and stores spans that came in one message.
func (c *Collector) add(transport string, bytes int, spans []*zipkinv2.Span) {
	c.metrics.of(transport).accepted(bytes, len(spans))
	c.store.Add(spans)
}
