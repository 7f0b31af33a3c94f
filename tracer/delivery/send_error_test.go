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
		301: delivery.RetryAfterFix, 302: delivery.RetryAfterFix,
		400: delivery.Bisect, 401: delivery.RetryAfterFix, 403: delivery.RetryAfterFix, 404: delivery.RetryAfterFix,
		405: delivery.RetryAfterFix, 408: delivery.Retry, 410: delivery.RetryAfterFix, 413: delivery.Split,
		415: delivery.RetryAfterFix, 422: delivery.Bisect, 425: delivery.Retry, 429: delivery.Retry,
		500: delivery.Retry, 502: delivery.Retry, 503: delivery.Retry, 504: delivery.Retry,
	} {
		var r *delivery.SendError
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
		var r *delivery.SendError
		if err := delivery.HTTPError(429, http.Header{"Retry-After": {value}}); !errors.As(err, &r) || r.After != want {
			t.Errorf("%q: have %v, want %v", value, r.After, want)
		}
	}
}
