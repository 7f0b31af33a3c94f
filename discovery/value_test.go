package discovery_test

import (
	"fmt"
	"log/slog"
	"maps"
	"testing"

	"go.etcd.io/etcd/client/v3/naming/endpoints"

	"bookservice/discovery"
	"bookservice/discovery/discoverytest"
	"bookservice/discovery/internal/testkit"
)

func TestValuesThatAreNoAddressAreSkipped(t *testing.T) {
	t.Parallel()
	e := startEtcd(t, 1)
	e.put(t, key("good"), addrA)
	values := []string{
		"hello", " ", "\xff\xfe", "127.0.0.1", "127.0.0.1:0", "127.0.0.1:99999", "127.0.0.1:http",
		addrB + "\n", " " + addrB, "http://" + addrB, "unix:/run/x", "unix:///run/x:1", ":50051",
		addrA + "," + addrB, "u:s3cret@h:1", "[::1]", "a b:1", "h:1/x",
		"{", "{}", `{"Addr":""}`, `{"Addr":"unix:/x"}`, `{"Op":1,"Addr":"` + addrB + `"}`,
		`{"id":"x","endpoints":[]}`, `["` + addrB + `"]`, "null", `"` + addrB + `"`,
	}
	for n, value := range values {
		e.put(t, key(fmt.Sprint("bad", n)), value)
	}
	for _, format := range []string{discovery.FormatPlain, discovery.FormatAuto} {
		log := newRecorder()
		c := config(e.Endpoints()...)
		c.Format = format
		r := open(t, c, discovery.WithLogger(slog.New(log)))
		f := discoverytest.Follow(t, instancer(t, r))
		f.WaitFor(t, limit, addrA)
		if have := r.Status().Services; len(have) != 1 || have[0].Skipped != len(values) {
			t.Errorf("%s: have status %+v, want %d skipped values", format, have, len(values))
		}

		// The same while it watches. The value of a key changes to an address and back.
		e.put(t, key("bad0"), addrC)
		f.WaitFor(t, limit, addrA, addrC)
		e.put(t, key("bad0"), "hello again")
		f.WaitFor(t, limit, addrA)
		if have := log.sorted(); len(have) != 1 {
			t.Errorf("%s: have log %q, want one line", format, have)
		}
		e.put(t, key("bad0"), "hello")
	}
}

// Each of the instances is registered as the named library does it.
func TestValuesOfOtherRegistriesAreRead(t *testing.T) {
	t.Parallel()
	e := startEtcd(t, 1)
	for _, test := range []struct {
		name, prefix, service string
		keys                  map[string]string
		format                string
		want                  map[string]string
	}{
		{"gRPC", "/grpc/", "books", map[string]string{
			"/grpc/books/x": `{"Op":0,"Addr":"` + addrA +
				`","Metadata":{"version":"v1","zone":"a","weight":10,"list":[1]}}`,
			"/grpc/books/y": `{"Op":0,"Addr":"` + addrB + `","Metadata":null}`,
		}, discovery.FormatPlain, map[string]string{"version": "v1", "zone": "a", "weight": "10"}},
		{"kratos", "/microservices/", "books", map[string]string{
			"/microservices/books/1": `{"id":"1","name":"books","version":"v1","metadata":` +
				`{"zone":"a","weight":"10"},"endpoints":["http://127.0.0.1:8000","grpc://` + addrA +
				`?isSecure=false"]}`,
			"/microservices/books/2": `{"id":"2","name":"books","version":"","metadata":null,` +
				`"endpoints":["grpc://` + addrB + `"]}`,
			"/microservices/books/3": `{"id":"3","name":"books","endpoints":["http://h:1"]}`,
		}, discovery.FormatAuto, map[string]string{"version": "v1", "zone": "a", "weight": "10"}},
		{"go-zero", "books.rpc/", "", map[string]string{
			"books.rpc/7587870460981677828": addrA,
			"books.rpc/7587870460981677829": addrB,
		}, discovery.FormatAuto, nil},
		{"kitex", "kitex/registry-etcd/", "books", map[string]string{
			"kitex/registry-etcd/books/" + addrA: `{"network":"tcp","address":"` + addrA +
				`","weight":10,"tags":{"version":"v1","zone":"a"}}`,
			"kitex/registry-etcd/books/" + addrB: `{"network":"tcp","address":"` + addrB +
				`","weight":10,"tags":null}`,
			"kitex/registry-etcd/books/u": `{"network":"unix","address":"/run/x:1"}`,
		}, discovery.FormatAuto, map[string]string{"version": "v1", "zone": "a", "weight": "10"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			for key, value := range test.keys {
				e.put(t, key, value)
			}
			c := config(e.Endpoints()...)
			c.Prefix, c.Format = test.prefix, test.format
			r := open(t, c)
			i, err := r.Instancer(test.service)
			if err != nil {
				t.Fatal(err)
			}
			f := discoverytest.Follow(t, i)
			f.WaitFor(t, limit, addrA, addrB)
			if have := discovery.Metadata(i, addrA); !maps.Equal(have, test.want) {
				t.Errorf("have metadata %v, want %v", have, test.want)
			}

			// The service moves: an instance of ours is listed beside the others.
			ours := r.Registrar(test.service, addrC)
			if err := ours.Register(testkit.Context(t, limit)); err != nil {
				t.Fatal(err)
			}
			f.WaitFor(t, limit, addrA, addrB, addrC)
			for key := range test.keys {
				e.delete(t, key)
			}
			f.WaitFor(t, limit, addrC)
		})
	}
}

func TestMetadataIsRegistered(t *testing.T) {
	t.Parallel()
	e := startEtcd(t, 1)
	c := config(e.Endpoints()...)
	c.Metadata = map[string]string{"version": "1.2", "zone": "a", "weight": "10"}
	r := open(t, c)
	register(t, r, addrA)
	i := instancer(t, e.open(t))
	discoverytest.Follow(t, i).WaitFor(t, limit, addrA)
	have := discovery.Metadata(i, addrA)
	if !maps.Equal(have, c.Metadata) {
		t.Errorf("have metadata %v, want %v", have, c.Metadata)
	}
	have["version"] = "changed by the caller"
	if have := discovery.Metadata(i, addrA); !maps.Equal(have, c.Metadata) {
		t.Errorf("have metadata %v after a change of the copy, want %v", have, c.Metadata)
	}
	if have := discovery.Metadata(i, addrB); have != nil {
		t.Errorf("have metadata %v of an unknown address, want nil", have)
	}

	// The etcd client's own package reads it.
	manager, err := endpoints.NewManager(e.raw, "/services")
	if err != nil {
		t.Fatal(err)
	}
	all, err := manager.List(testkit.Context(t, limit))
	if err != nil {
		t.Fatal(err)
	}
	if have := all[key(addrA)].Addr; have != addrA {
		t.Errorf("naming/endpoints: have %v, want %s", all, addrA)
	}
}
