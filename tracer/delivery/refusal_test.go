package delivery_test

import (
	"errors"
	"net/http"
	"testing"
	"time"

	"bookservice/tracer/delivery"
)

func TestHTTPError(t *testing.T) {
	for status, want := range map[int]delivery.Kind{
		301: delivery.Misconfigured, 302: delivery.Misconfigured,
		400: delivery.Malformed, 401: delivery.Misconfigured, 403: delivery.Misconfigured, 404: delivery.Misconfigured,
		405: delivery.Misconfigured, 408: delivery.Later, 410: delivery.Misconfigured, 413: delivery.TooLarge,
		415: delivery.Misconfigured, 422: delivery.Malformed, 425: delivery.Later, 429: delivery.Later,
		500: delivery.Later, 502: delivery.Later, 503: delivery.Later, 504: delivery.Later,
	} {
		var r *delivery.Refusal
		if err := delivery.HTTPError(status, nil); !errors.As(err, &r) || r.Kind != want {
			t.Errorf("%d: have %v of kind %v, want %v", status, err, r.Kind, want)
		}
	}
	for _, status := range []int{200, 202, 204} {
		if err := delivery.HTTPError(status, nil); err != nil {
			t.Errorf("%d: have %v", status, err)
		}
	}
}

func TestRetryAfter(t *testing.T) {
	for value, want := range map[string]time.Duration{
		"": 0, "7": 7 * time.Second, "-1": 0, "soon": 0, "99999999": 5 * time.Minute,
		"Wed, 21 Oct 2015 07:28:00 GMT": 0, "Wed, 21 Oct 2115 07:28:00 GMT": 5 * time.Minute,
	} {
		var r *delivery.Refusal
		if err := delivery.HTTPError(429, http.Header{"Retry-After": {value}}); !errors.As(err, &r) || r.After != want {
			t.Errorf("%q: have %v, want %v", value, r.After, want)
		}
	}
}
