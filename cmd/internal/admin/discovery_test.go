package admin_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"bookservice/discovery"
	"bookservice/tracer"
)

func TestMetricsOfDiscovery(t *testing.T) {
	s := start(t, &tracer.Metrics{})
	defer s.Close()
	if err := s.AddDiscovery(func() discovery.Status {
		list := discovery.ServiceStatus{Service: "books", Instances: 3, Kept: 2, Skipped: 1,
			Age: 1500 * time.Millisecond, Err: errors.New("on fire")}
		return discovery.Status{
			Registrations: []discovery.RegistrationStatus{
				{Service: "books", Address: "a:1", Registered: true},
				{Service: "books", Address: "b:2", Err: errors.New("on fire")},
			},
			Services: []discovery.ServiceStatus{list, list, {Service: "shops"}},
		}
	}); err != nil {
		t.Fatal(err)
	}
	status, text := request(t, http.MethodGet, "http://"+s.Addr()+"/metrics")
	if status != http.StatusOK {
		t.Fatalf("have status %d: %s", status, text)
	}
	for _, want := range []string{
		`discovery_registered{address="a:1",service="books"} 1`,
		`discovery_registered{address="b:2",service="books"} 0`,
		`discovery_instances{service="books"} 3`,
		`discovery_kept_instances{service="books"} 2`,
		`discovery_skipped_values{service="books"} 1`,
		`discovery_list_age_seconds{service="books"} 1.5`,
		`discovery_reachable{service="books"} 0`,
		`discovery_reachable{service="shops"} 1`,
	} {
		if !strings.Contains(text, "\n"+want+"\n") {
			t.Errorf("have no %s in\n%s", want, text)
		}
	}
}
