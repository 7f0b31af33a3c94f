package collector_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"

	"bookservice/tracer"
	"bookservice/tracer/collector"
)

// A program receives its own spans and asks for them.
func ExampleNew() {
	c, err := collector.New(collector.DefaultConfig())
	if err != nil {
		fmt.Println(err)
		return
	}
	defer c.Close()
	server := httptest.NewServer(c) // the page is at server.URL + "/zipkin/"
	defer server.Close()

	config := tracer.DefaultConfig()
	config.Backend, config.ServiceName = "zipkin", "books"
	config.Zipkin.URL = server.URL + "/api/v2/spans"
	tr, closer, err := tracer.Open(context.Background(), config)
	if err != nil {
		fmt.Println(err)
		return
	}
	tr.StartSpan("find").Finish()
	if err := closer.Close(); err != nil {
		fmt.Println(err)
	}

	resp, err := http.Get(server.URL + "/api/v2/summaries")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer resp.Body.Close()
	var list struct {
		Summaries []struct {
			RootService, RootName string
			Spans                 int
		}
	}
	if err := json.NewDecoder(resp.Body).Decode(&list); err != nil {
		fmt.Println(err)
	}
	fmt.Printf("%+v\n", list.Summaries)
	// Output: [{RootService:books RootName:find Spans:1}]
}
