package delivery_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"time"

	"bookservice/tracer/delivery"
)

// A queue collects encoded spans and sends them in batches.
func ExampleNew() {
	send := func(_ context.Context, b delivery.Batch) error {
		fmt.Printf("%d spans: %s\n", b.Len(), b.Bytes())
		return nil
	}
	q, err := delivery.New(delivery.Config{BatchBytes: 8}, send, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, span := range []string{"one", "two"} {
		q.Add([]byte(span))
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if err := q.Close(ctx); err != nil {
		fmt.Println(err)
	}
	s := q.Stats()
	fmt.Printf("added %d, sent %d, dropped %d\n", s.Added, s.Sent, s.Dropped)
	// Output:
	// 2 spans: onetwo
	// added 2, sent 2, dropped 0
}

// The destination accepts at most two spans at a time, and none with an "x".
func ExampleSendError() {
	send := func(_ context.Context, b delivery.Batch) error {
		switch {
		case b.Len() > 2:
			return &delivery.SendError{Kind: delivery.Split, Err: errors.New("batch too large")}
		case bytes.Contains(b.Bytes(), []byte("x")):
			return &delivery.SendError{Kind: delivery.Bisect, Err: errors.New("span malformed")}
		}
		fmt.Printf("accepted: %s\n", b.Bytes())
		return nil
	}
	q, err := delivery.New(delivery.Config{Senders: 1}, send, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, span := range []string{"a", "b", "c", "x"} {
		q.Add([]byte(span))
	}
	if err := q.Close(context.Background()); err != nil {
		fmt.Println(err)
	}
	s := q.Stats()
	fmt.Printf("sent %d, dropped by reason: %v\n", s.Sent, s.DroppedBy)
	// Output:
	// accepted: ab
	// accepted: c
	// 1 spans lost (1 refused): span malformed
	// sent 3, dropped by reason: map[refused:1]
}

// A SendFunc that posts each batch to an HTTP server. The server is unavailable at first.
func ExampleHTTPError() {
	var requests atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if requests.Add(1) == 1 {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		w.WriteHeader(http.StatusAccepted)
	}))
	defer server.Close()

	send := func(ctx context.Context, b delivery.Batch) error {
		// The HTTP client may read the body after Do has returned, so it gets a copy.
		body := bytes.NewReader(bytes.Clone(b.Bytes()))
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, server.URL, body)
		if err != nil {
			return &delivery.SendError{Kind: delivery.Drop, Err: err}
		}
		resp, err := server.Client().Do(req)
		if err != nil {
			return err // the queue retries
		}
		defer resp.Body.Close()
		err = delivery.HTTPError(resp.StatusCode, resp.Header, nil)
		fmt.Println("result:", err)
		return err
	}
	q, err := delivery.New(delivery.Config{MinBackoff: time.Millisecond}, send, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	q.Add([]byte("span"))
	if err := q.Close(context.Background()); err != nil {
		fmt.Println(err)
	}
	s := q.Stats()
	fmt.Printf("sent %d after %d retry\n", s.Sent, s.Retried)
	// Output:
	// result: the collector answered 503 Service Unavailable
	// result: <nil>
	// sent 1 after 1 retry
}
