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

// A foreignService is a service whose instances have the addresses addrA and addrB and are
// registered by another library.
type foreignService struct {
	library         string
	prefix, service string // as this package names them
	format          string
	keys            map[string]string
	metadata        [2]map[string]string // of addrA and addrB
}

// foreignServices returns the keys and values that the libraries write.
func foreignServices() []foreignService {
	all := map[string]string{"version": "v1.2", "zone": "a", "weight": "20"}
	return []foreignService{
		{"kratos v2.8.3", "/microservices/", "books", discovery.FormatAuto, map[string]string{
			"/microservices/books/host-1": `{"id":"host-1","name":"books","version":"v1.2",` +
				`"metadata":{"weight":"20","zone":"a"},` +
				`"endpoints":["http://127.0.0.1:8000","grpc://` + addrA + `"]}`,
			"/microservices/books/host-2": `{"id":"host-2","name":"books","version":"",` +
				`"metadata":null,"endpoints":["grpcs://` + addrB + `"]}`, // with TLS
			"/microservices/books/host-3": `{"id":"host-3","name":"books","version":"",` +
				`"metadata":null,"endpoints":["http://127.0.0.1:8000"]}`,
			"/microservices/books/host-4": `{"id":"host-4","name":"books","version":"",` +
				`"metadata":null,"endpoints":null}`,
		}, [2]map[string]string{all, nil}},
		{"kratos v2.2.0", "/microservices/", "old", discovery.FormatAuto, map[string]string{
			"/microservices/old/host-1": `{"id":"host-1","name":"old","version":"v1.2",` +
				`"metadata":{"weight":"20","zone":"a"},` +
				`"endpoints":["grpc://` + addrA + `?isSecure=true"]}`,
			"/microservices/old/host-2": `{"id":"host-2","name":"old","version":"",` +
				`"metadata":{},"endpoints":["grpc://` + addrB + `?isSecure=false"]}`,
		}, [2]map[string]string{all, nil}},
		{"go-zero v1.10.3", "books.rpc/", "", discovery.FormatAuto, map[string]string{
			"books.rpc/7587899196277959691": addrA,
			"books.rpc/7587899196277959692": addrB,
		}, [2]map[string]string{}},
		{"kitex registry-etcd v0.2.6", "kitex/registry-etcd/", "books", discovery.FormatAuto,
			map[string]string{
				"kitex/registry-etcd/books/" + addrA: `{"network":"tcp","address":"` + addrA +
					`","weight":20,"tags":{"version":"v1.2","zone":"a"}}`,
				"kitex/registry-etcd/books/" + addrB: `{"network":"tcp","address":"` + addrB +
					`","weight":0,"tags":null}`,
				"kitex/registry-etcd/books//run/x:1": `{"network":"unix","address":"/run/x:1",` +
					`"weight":10,"tags":null}`,
			}, [2]map[string]string{all, {"weight": "10"}}}, // the default of kitex's clients
	}
}

func TestValuesOfOtherRegistriesAreRead(t *testing.T) {
	t.Parallel()
	e := startEtcd(t, 1)
	for _, test := range foreignServices() {
		t.Run(test.library, func(t *testing.T) {
			for key, value := range test.keys {
				e.putLeased(t, key, value)
			}
			c := config(e.Endpoints()...)
			c.Prefix, c.Format = test.prefix, test.format
			followForeign(t, c, test.service, test.metadata)
			for key := range test.keys {
				e.delete(t, key)
			}
		})
	}
}

// The package of the etcd client needs no other format.
func TestValuesOfGRPCAreRead(t *testing.T) {
	t.Parallel()
	e := startEtcd(t, 1)
	manager, err := endpoints.NewManager(e.raw, "/grpc/books")
	if err != nil {
		t.Fatal(err)
	}
	for _, endpoint := range []endpoints.Endpoint{
		{Addr: addrA, Metadata: map[string]any{
			"version": "v1.2", "zone": "a", "weight": 20, "list": []int{1}, // is no metadata
		}},
		{Addr: addrB, Metadata: "no object"},
	} {
		key := "/grpc/books/" + endpoint.Addr
		if err := manager.AddEndpoint(testkit.Context(t, limit), key, endpoint); err != nil {
			t.Fatal(err)
		}
	}
	c := config(e.Endpoints()...)
	c.Prefix = "/grpc/"
	followForeign(t, c, "books", [2]map[string]string{
		{"version": "v1.2", "zone": "a", "weight": "20"}, nil,
	})
}

// followForeign checks the metadata of a service that another library has registered. Then the
// service moves: an instance of ours is listed beside the others.
func followForeign(
	t *testing.T, c discovery.Config, service string, metadata [2]map[string]string,
) {
	t.Helper()
	r := open(t, c)
	i, err := r.Instancer(service)
	if err != nil {
		t.Fatal(err)
	}
	f := discoverytest.Follow(t, i)
	f.WaitFor(t, limit, addrA, addrB)
	for n, addr := range []string{addrA, addrB} {
		if have := discovery.Metadata(i, addr); !maps.Equal(have, metadata[n]) {
			t.Errorf("%s: have metadata %v, want %v", addr, have, metadata[n])
		}
	}
	ours := r.Registrar(service, addrC)
	if err := ours.Register(testkit.Context(t, limit)); err != nil {
		t.Fatal(err)
	}
	f.WaitFor(t, limit, addrA, addrB, addrC)
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
