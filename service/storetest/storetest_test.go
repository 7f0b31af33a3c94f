package storetest_test

import (
	"context"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"bookservice/service"
	"bookservice/service/inmem"
	"bookservice/service/storetest"
)

// open returns an inmem catalogue of books.
func open(t *testing.T, books []service.Book) service.Service {
	catalogue, err := inmem.New(books...)
	if err != nil {
		t.Fatal(err)
	}
	return catalogue
}

func TestRunAcceptsACorrectStore(t *testing.T) {
	storetest.Run(t, open)
}

// A store is a service made of functions.
type store struct {
	info infoFunc
	list listFunc
}

type (
	infoFunc func(ctx context.Context, id int32) (service.Book, error)
	listFunc func(ctx context.Context, page, limit int32) ([]service.Book, error)
)

func (s store) BookInfo(ctx context.Context, id int32) (service.Book, error) {
	return s.info(ctx, id)
}

func (s store) BookList(ctx context.Context, page, limit int32) ([]service.Book, error) {
	return s.list(ctx, page, limit)
}

// faults has for each subtest of the suite the faults that the subtest must find. inject replaces a
// function of a correct store, which s is.
var faults = []struct {
	subtest, name string
	inject        func(s *store, books []service.Book)
}{
	{"info", "no ErrNotFound", func(s *store, _ []service.Book) {
		correct := s.info
		s.info = func(ctx context.Context, id int32) (service.Book, error) {
			book, err := correct(ctx, id)
			if id > 0 {
				err = nil
			}
			return book, err
		}
	}},
	{"info", "book with an error", func(s *store, _ []service.Book) {
		correct := s.info
		s.info = func(ctx context.Context, id int32) (service.Book, error) {
			book, err := correct(ctx, id)
			book.ID = id
			return book, err
		}
	}},
	{"info", "id not checked", func(s *store, _ []service.Book) {
		correct := s.info
		s.info = func(ctx context.Context, id int32) (service.Book, error) {
			if id < 1 {
				return service.Book{}, service.NotFound(id)
			}
			return correct(ctx, id)
		}
	}},
	{"list", "pages from 0", func(s *store, _ []service.Book) {
		correct := s.list
		s.list = func(ctx context.Context, page, limit int32) ([]service.Book, error) {
			return correct(ctx, page+1, limit)
		}
	}},
	{"list", "offset of 32 bits", func(s *store, _ []service.Book) {
		correct := s.list
		s.list = func(ctx context.Context, page, limit int32) ([]service.Book, error) {
			if page > 1 && limit > 0 {
				offset := (page - 1) * limit // wraps around
				page = max(offset, 0)/limit + 1
			}
			return correct(ctx, page, limit)
		}
	}},
	{"list", "limit not checked", func(s *store, _ []service.Book) {
		correct := s.list
		s.list = func(ctx context.Context, page, limit int32) ([]service.Book, error) {
			return correct(ctx, page, min(limit, service.MaxLimit))
		}
	}},
	{"list_sorted_by_id", "order of insertion", func(s *store, books []service.Book) {
		s.list = func(context.Context, int32, int32) ([]service.Book, error) {
			return slices.Clone(books), nil
		}
	}},
	{"list_is_the_caller's", "shared slice", func(s *store, _ []service.Book) {
		all, _ := s.list(context.Background(), 1, service.MaxLimit)
		s.list = func(_ context.Context, _, limit int32) ([]service.Book, error) {
			if limit == 0 {
				return all, nil
			}
			return all[:limit], nil
		}
	}},
	{"empty", "a book", func(s *store, _ []service.Book) {
		s.list = func(context.Context, int32, int32) ([]service.Book, error) {
			return []service.Book{{ID: 1, Name: "a"}}, nil
		}
	}},
	{"cancelled", "context of BookInfo ignored", func(s *store, _ []service.Book) {
		correct := s.info
		s.info = func(ctx context.Context, id int32) (service.Book, error) {
			return correct(context.WithoutCancel(ctx), id)
		}
	}},
	{"cancelled", "context of BookList ignored", func(s *store, _ []service.Book) {
		correct := s.list
		s.list = func(ctx context.Context, page, limit int32) ([]service.Book, error) {
			return correct(context.WithoutCancel(ctx), page, limit)
		}
	}},
}

// faultVariable is the environment variable with the fault that TestHelperFaultyStore injects.
const faultVariable = "STORETEST_FAULT"

// TestHelperFaultyStore runs the suite on a faulty store, in a process of TestRunFindsFaults. In
// other processes it does nothing.
func TestHelperFaultyStore(t *testing.T) {
	for _, fault := range faults {
		if os.Getenv(faultVariable) == fault.name {
			storetest.Run(t, func(t *testing.T, books []service.Book) service.Service {
				correct := open(t, books)
				s := &store{info: correct.BookInfo, list: correct.BookList}
				fault.inject(s, books)
				return s
			})
		}
	}
}

func TestRunFindsFaults(t *testing.T) {
	binary, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, fault := range faults {
		t.Run(fault.name, func(t *testing.T) {
			pattern := "^TestHelperFaultyStore$/^" + fault.subtest + "$"
			cmd := exec.CommandContext(t.Context(), binary, "-test.run="+pattern)
			cmd.Env = append(os.Environ(), faultVariable+"="+fault.name)
			out, err := cmd.CombinedOutput()
			want := "--- FAIL: TestHelperFaultyStore/" + fault.subtest
			if err == nil || !strings.Contains(string(out), want) {
				t.Errorf("have %v, want %s:\n%s", err, want, out)
			}
		})
	}
}
