// Package bookendpoint turns the book service into go-kit endpoints, and endpoints back into the service. Between the two
// are the guards that a server has whatever its transport: see [Guards].
//
// An endpoint returns a business error ([service.ErrNotFound], [service.ErrInvalidArgument]) within its response, which
// is an [endpoint.Failer]: the server works. Every other error is the endpoint's own, which is what middlewares that
// count, retry or mark failures look at.
package bookendpoint

import (
	"context"
	"errors"

	"bookservice/service"

	"github.com/go-kit/kit/endpoint"
)

// A Set is the book service's endpoints. Info takes an [InfoRequest] and returns an [InfoResponse], List takes a
// [ListRequest] and returns a [ListResponse]. A Set is itself a [service.Service], and may be used concurrently.
type Set struct {
	Info, List endpoint.Endpoint
}

// An InfoRequest asks for one book.
type InfoRequest struct{ ID int32 }

// An InfoResponse is one book, or the business error instead.
type InfoResponse struct {
	Book service.Book
	Err  error
}

// Failed implements [endpoint.Failer].
func (r InfoResponse) Failed() error { return r.Err }

// A ListRequest asks for one page.
type ListRequest struct{ Page, Limit int32 }

// A ListResponse is one page, or the business error instead.
type ListResponse struct {
	Books []service.Book
	Err   error
}

// Failed implements [endpoint.Failer].
func (r ListResponse) Failed() error { return r.Err }

// New returns the endpoints of svc. Each is wrapped in all of the middlewares, the first outermost; what a middleware
// holds, such as a limiter, both endpoints share.
func New(svc service.Service, middlewares ...endpoint.Middleware) Set {
	set := Set{Info: info(svc), List: list(svc)}
	for i := len(middlewares) - 1; i >= 0; i-- {
		set.Info, set.List = middlewares[i](set.Info), middlewares[i](set.List)
	}
	return set
}

func info(svc service.Service) endpoint.Endpoint {
	return func(ctx context.Context, request any) (any, error) {
		book, err := svc.BookInfo(ctx, request.(InfoRequest).ID)
		if err != nil && !IsBusiness(err) {
			return nil, err
		}
		return InfoResponse{Book: book, Err: err}, nil
	}
}

func list(svc service.Service) endpoint.Endpoint {
	return func(ctx context.Context, request any) (any, error) {
		r := request.(ListRequest)
		books, err := svc.BookList(ctx, r.Page, r.Limit)
		if err != nil && !IsBusiness(err) {
			return nil, err
		}
		return ListResponse{Books: books, Err: err}, nil
	}
}

// IsBusiness reports whether err is an answer and no failure: the service works, and would say the same again.
func IsBusiness(err error) bool {
	return errors.Is(err, service.ErrNotFound) || errors.Is(err, service.ErrInvalidArgument)
}

var _ service.Service = Set{}

// BookInfo implements [service.Service] by the Info endpoint.
func (s Set) BookInfo(ctx context.Context, id int32) (service.Book, error) {
	response, err := s.Info(ctx, InfoRequest{ID: id})
	if err != nil {
		return service.Book{}, err
	}
	r := response.(InfoResponse)
	return r.Book, r.Err
}

// BookList implements [service.Service] by the List endpoint.
func (s Set) BookList(ctx context.Context, page, limit int32) ([]service.Book, error) {
	response, err := s.List(ctx, ListRequest{Page: page, Limit: limit})
	if err != nil {
		return nil, err
	}
	r := response.(ListResponse)
	return r.Books, r.Err
}
