// Package bookendpoint converts a [service.Service] to go-kit endpoints, and endpoints to a
// [service.Service]. It also has the guards of a server, which do not depend on the transport; see
// [Guards].
//
// A business error ([service.ErrNotFound], [service.ErrInvalidArgument]) is part of the response,
// which implements [endpoint.Failer]: the server works. Any other error is returned by the
// endpoint itself. Middlewares that count, retry or report failures therefore see only the latter.
package bookendpoint

import (
	"context"
	"errors"
	"slices"

	"github.com/go-kit/kit/endpoint"

	"bookservice/service"
)

// A Set holds the endpoints of the book service. Info takes an [InfoRequest] and returns an
// [InfoResponse]. List takes a [ListRequest] and returns a [ListResponse]. A Set implements
// [service.Service], and its methods may be called concurrently.
type Set struct {
	Info, List endpoint.Endpoint
}

// An InfoRequest is a request for one book.
type InfoRequest struct{ ID int32 }

// An InfoResponse holds one book or a business error.
type InfoResponse struct {
	Book service.Book
	Err  error
}

// Failed implements [endpoint.Failer].
func (r InfoResponse) Failed() error { return r.Err }

// A ListRequest is a request for one page of books.
type ListRequest struct{ Page, Limit int32 }

// A ListResponse holds one page of books or a business error.
type ListResponse struct {
	Books []service.Book
	Err   error
}

// Failed implements [endpoint.Failer].
func (r ListResponse) Failed() error { return r.Err }

// New returns endpoints that call svc. Every middleware wraps both endpoints; the first one is
// outermost. Both endpoints share the state of a middleware, such as a rate limiter.
func New(svc service.Service, middlewares ...endpoint.Middleware) Set {
	set := Set{Info: newInfo(svc), List: newList(svc)}
	for _, wrap := range slices.Backward(middlewares) {
		set.Info, set.List = wrap(set.Info), wrap(set.List)
	}
	return set
}

func newInfo(svc service.Service) endpoint.Endpoint {
	return func(ctx context.Context, request any) (any, error) {
		book, err := svc.BookInfo(ctx, request.(InfoRequest).ID)
		if err != nil && !IsBusiness(err) {
			return nil, err
		}
		return InfoResponse{Book: book, Err: err}, nil
	}
}

func newList(svc service.Service) endpoint.Endpoint {
	return func(ctx context.Context, request any) (any, error) {
		r := request.(ListRequest)
		books, err := svc.BookList(ctx, r.Page, r.Limit)
		if err != nil && !IsBusiness(err) {
			return nil, err
		}
		return ListResponse{Books: books, Err: err}, nil
	}
}

// IsBusiness reports whether err is a business error: the service works, and the same call would
// return the same error again.
func IsBusiness(err error) bool {
	return errors.Is(err, service.ErrNotFound) || errors.Is(err, service.ErrInvalidArgument)
}

var _ service.Service = Set{}

// BookInfo implements [service.Service]. It calls the Info endpoint.
func (s Set) BookInfo(ctx context.Context, id int32) (service.Book, error) {
	response, err := s.Info(ctx, InfoRequest{ID: id})
	if err != nil {
		return service.Book{}, err
	}
	r := response.(InfoResponse)
	return r.Book, r.Err
}

// BookList implements [service.Service]. It calls the List endpoint.
func (s Set) BookList(ctx context.Context, page, limit int32) ([]service.Book, error) {
	response, err := s.List(ctx, ListRequest{Page: page, Limit: limit})
	if err != nil {
		return nil, err
	}
	r := response.(ListResponse)
	return r.Books, r.Err
}
