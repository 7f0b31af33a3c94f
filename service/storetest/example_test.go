package storetest_test

import (
	"testing"

	"bookservice/service"
	"bookservice/service/inmem"
	"bookservice/service/storetest"
)

// The test of a store. In the test file of the store it is a function TestStore.
func ExampleRun() {
	_ = func(t *testing.T) {
		storetest.Run(t, func(t *testing.T, books []service.Book) service.Service {
			catalogue, err := inmem.New(books...)
			if err != nil {
				t.Fatal(err)
			}
			return catalogue
		})
	}
	// Output:
}
