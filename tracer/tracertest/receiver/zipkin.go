package receiver

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"

	"github.com/openzipkin/zipkin-go/model"
)

// A Zipkin is a collector with Zipkin's v2 API.
type Zipkin struct {
	// URL is where spans are posted.
	URL string

	mu      sync.Mutex
	refuse  int
	spans   []model.SpanModel
	problem error
}

// NewZipkin starts a collector, and stops it at the end of the test. The collector answers 500 to
// the first posts; refuse is their number.
func NewZipkin(t testing.TB, refuse int) *Zipkin {
	t.Helper()
	z := &Zipkin{refuse: refuse}
	server := httptest.NewServer(z)
	t.Cleanup(server.Close)
	z.URL = server.URL + "/api/v2/spans"
	return z
}

// ServeHTTP implements [http.Handler].
func (z *Zipkin) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := Body(r)
	z.mu.Lock()
	defer z.mu.Unlock()
	if z.refuse > 0 {
		z.refuse--
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	var spans []model.SpanModel
	if err == nil {
		spans, err = Decode(r, body)
	}
	if err != nil {
		z.problem = err
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	z.spans = append(z.spans, spans...)
	w.WriteHeader(http.StatusAccepted)
}

// Spans returns the spans that have arrived. A post that could not be decoded fails the test.
func (z *Zipkin) Spans(t testing.TB) []model.SpanModel {
	t.Helper()
	z.mu.Lock()
	defer z.mu.Unlock()
	if z.problem != nil {
		t.Errorf("zipkin receiver: %v", z.problem)
	}
	return slices.Clone(z.spans)
}
