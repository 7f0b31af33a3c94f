package collector

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"bookservice/tracer/collector/internal/links"
	"bookservice/tracer/collector/internal/store"
	"bookservice/tracer/collector/internal/zipkinv2"
)

// Defaults of Zipkin's parameters.
const (
	defaultLimit    = 10
	defaultLookback = 24 * 60 * 60 * 1000 // milliseconds
	cacheFrom       = 4                   // names, from which a list may be cached
)

func (c *Collector) getServices(w http.ResponseWriter, r *http.Request) {
	names := c.store.Services()
	answerNames(w, r, names, len(names) >= cacheFrom)
}

func (c *Collector) getSpanNames(w http.ResponseWriter, r *http.Request) {
	c.namesOf(w, r, c.store.SpanNames)
}

func (c *Collector) getRemoteServices(w http.ResponseWriter, r *http.Request) {
	c.namesOf(w, r, c.store.RemoteServices)
}

func (c *Collector) namesOf(w http.ResponseWriter, r *http.Request, names func(string) []string) {
	service, err := mandatory(r.URL.Query(), "serviceName")
	if err != nil {
		badRequest(w, err.Error())
		return
	}
	answerNames(w, r, names(service), len(c.store.Services()) >= cacheFrom)
}

func (c *Collector) getAutocompleteKeys(w http.ResponseWriter, r *http.Request) {
	answerNames(w, r, c.config.AutocompleteKeys, true)
}

func (c *Collector) getAutocompleteValues(w http.ResponseWriter, r *http.Request) {
	key, err := mandatory(r.URL.Query(), "key")
	if err == nil && key == "" {
		err = errors.New("key was empty")
	}
	if err != nil {
		badRequest(w, err.Error())
		return
	}
	values := c.store.Values(key)
	answerNames(w, r, values, len(values) >= cacheFrom)
}

func (c *Collector) getTrace(w http.ResponseWriter, r *http.Request, id string) {
	traceID, err := zipkinv2.ParseTraceID(trim(id))
	if err != nil {
		badRequest(w, err.Error())
		return
	}
	spans := c.store.Trace(traceID)
	if len(spans) == 0 {
		text(w, http.StatusNotFound, anyText, traceID.String()+" not found")
		return
	}
	answerJSON(w, r, zipkinv2.AppendList(nil, spans))
}

// trim removes what Java's String.trim does.
func trim(s string) string { return strings.TrimFunc(s, func(r rune) bool { return r <= ' ' }) }

func (c *Collector) getTraceMany(w http.ResponseWriter, r *http.Request) {
	list, err := mandatory(r.URL.Query(), "traceIds")
	if err != nil {
		badRequest(w, err.Error())
		return
	}
	ids, err := parseTraceIDs(list)
	if err != nil {
		badRequest(w, err.Error())
		return
	}
	answerJSON(w, r, appendTraces(c.store.TraceMany(ids)))
}

func parseTraceIDs(list string) ([]zipkinv2.TraceID, error) {
	if list == "" {
		return nil, errors.New("traceIds parameter is empty")
	}
	entries := strings.Split(list, ",")
	if len(entries) == 1 {
		return nil, errors.New("Use /api/v2/trace/{traceId} endpoint to retrieve a single trace")
	}
	var ids []zipkinv2.TraceID
	for _, entry := range entries {
		id, err := zipkinv2.ParseTraceID(entry)
		if err != nil {
			return nil, err
		}
		if slices.Contains(ids, id) {
			return nil, errors.New("redundant traceId: " + entry)
		}
		ids = append(ids, id)
	}
	return ids, nil
}

func appendTraces(traces [][]*zipkinv2.Span) []byte {
	body := []byte{'['}
	for i, spans := range traces {
		if i > 0 {
			body = append(body, ',')
		}
		body = zipkinv2.AppendList(body, spans)
	}
	return append(body, ']')
}

func (c *Collector) getTraces(w http.ResponseWriter, r *http.Request) {
	q, err := c.parseQuery(r.URL.Query())
	if err != nil {
		badRequest(w, err.Error())
		return
	}
	answerJSON(w, r, appendTraces(c.store.Traces(q)))
}

// parseQuery reads the parameters of /traces, in the order in which Zipkin checks them.
func (c *Collector) parseQuery(values url.Values) (*store.Query, error) {
	p := parameters{values: values}
	minimum, maximum := p.long("minDuration"), p.long("maxDuration")
	end, lookback := p.long("endTs"), p.long("lookback")
	q := &store.Query{
		Service:       zipkinv2.Lower(values.Get("serviceName")),
		RemoteService: zipkinv2.Lower(values.Get("remoteServiceName")),
		SpanName:      zipkinv2.Lower(values.Get("spanName")),
		Annotations:   store.ParseAnnotations(values.Get("annotationQuery")),
		End:           c.now().UnixMilli(), Lookback: defaultLookback, Limit: p.limit(defaultLimit),
	}
	if q.SpanName == "all" {
		q.SpanName = ""
	}
	set(&q.End, end)
	set(&q.Lookback, lookback)
	p.check(q.End > 0, "endTs <= 0")
	p.check(q.Limit > 0, "limit <= 0")
	p.check(q.Lookback > 0, "lookback <= 0")
	if minimum != nil {
		p.check(*minimum > 0, "minDuration <= 0")
		p.check(maximum == nil || *maximum >= *minimum, "maxDuration < minDuration")
	} else {
		p.check(maximum == nil, "maxDuration is only valid with minDuration")
	}
	set(&q.MinDuration, minimum)
	set(&q.MaxDuration, maximum)
	return q, p.err
}

func set(to *int64, value *int64) {
	if value != nil {
		*to = *value
	}
}

func (c *Collector) getDependencies(w http.ResponseWriter, r *http.Request) {
	p := parameters{values: r.URL.Query()}
	_, p.err = mandatory(p.values, "endTs")
	p.primitive("endTs")
	end, lookback := int64(0), int64(defaultLookback)
	set(&end, p.long("endTs"))
	set(&lookback, p.long("lookback"))
	p.check(end > 0, "endTs <= 0")
	p.check(lookback > 0, "lookback <= 0")
	if p.err != nil {
		badRequest(w, p.err.Error())
		return
	}
	var linker links.Linker
	for _, spans := range c.store.InRange(end-lookback, end) {
		linker.Add(spans)
	}
	answerJSON(w, r, links.AppendJSON(nil, linker.Links()))
}

// mandatory returns the value of a parameter that must be there, and may be empty.
func mandatory(values url.Values, name string) (string, error) {
	if !values.Has(name) {
		return "", fmt.Errorf("Mandatory parameter/header/attribute is missing: %s", name)
	}
	return values.Get(name), nil
}

// parameters reads the values of a query and keeps the first error.
type parameters struct {
	values url.Values
	err    error
}

func (p *parameters) check(ok bool, message string) {
	if !ok && p.err == nil {
		p.err = errors.New(message)
	}
}

// primitive checks that a parameter is not empty, if it is there.
func (p *parameters) primitive(name string) {
	p.check(!p.values.Has(name) || p.values.Get(name) != "",
		"Cannot set null to primitive type parameter: "+name)
}

// long returns the value of a number, or nil if there is none.
func (p *parameters) long(name string) *int64 {
	if v, ok := p.number(name, 64); ok {
		return &v
	}
	return nil
}

// limit returns the value of limit, or a default.
func (p *parameters) limit(preset int) int {
	p.primitive("limit")
	if v, ok := p.number("limit", 32); ok {
		return int(v)
	}
	return preset
}

func (p *parameters) number(name string, bits int) (int64, bool) {
	if p.values.Get(name) == "" {
		return 0, false
	}
	v, err := strconv.ParseInt(p.values.Get(name), 10, bits)
	p.check(err == nil, fmt.Sprintf("For input string: %q", p.values.Get(name)))
	return v, err == nil
}
