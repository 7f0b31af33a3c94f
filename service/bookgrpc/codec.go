package bookgrpc

import (
	"context"

	"bookservice/api/book"
	"bookservice/service"
	"bookservice/service/bookendpoint"
)

// The server decodes requests and encodes responses. The encoders return a business error in a
// response as the error of the call.

func decodeInfoRequest(_ context.Context, message any) (any, error) {
	return bookendpoint.InfoRequest{ID: message.(*book.BookInfoParams).GetBookId()}, nil
}

func encodeInfoResponse(_ context.Context, response any) (any, error) {
	r := response.(bookendpoint.InfoResponse)
	if r.Err != nil {
		return nil, r.Err
	}
	return &book.BookInfo{BookId: r.Book.ID, BookName: r.Book.Name}, nil
}

func decodeListRequest(_ context.Context, message any) (any, error) {
	params := message.(*book.BookListParams)
	return bookendpoint.ListRequest{Page: params.GetPage(), Limit: params.GetLimit()}, nil
}

func encodeListResponse(_ context.Context, response any) (any, error) {
	r := response.(bookendpoint.ListResponse)
	if r.Err != nil {
		return nil, r.Err
	}
	messages := make([]book.BookInfo, len(r.Books)) // one allocation for all messages
	list := make([]*book.BookInfo, len(r.Books))
	for i, b := range r.Books {
		messages[i].BookId, messages[i].BookName = b.ID, b.Name
		list[i] = &messages[i]
	}
	return &book.BookList{BookList: list}, nil
}

// The client encodes requests and decodes responses.

func encodeInfoRequest(_ context.Context, request any) (any, error) {
	return &book.BookInfoParams{BookId: request.(bookendpoint.InfoRequest).ID}, nil
}

func decodeInfoResponse(_ context.Context, message any) (any, error) {
	return bookendpoint.InfoResponse{Book: bookFromMessage(message.(*book.BookInfo))}, nil
}

func encodeListRequest(_ context.Context, request any) (any, error) {
	r := request.(bookendpoint.ListRequest)
	return &book.BookListParams{Page: r.Page, Limit: r.Limit}, nil
}

func decodeListResponse(_ context.Context, message any) (any, error) {
	list := message.(*book.BookList).GetBookList()
	books := make([]service.Book, len(list))
	for i, b := range list {
		books[i] = bookFromMessage(b)
	}
	return bookendpoint.ListResponse{Books: books}, nil
}

func bookFromMessage(b *book.BookInfo) service.Book {
	return service.Book{ID: b.GetBookId(), Name: b.GetBookName()}
}
