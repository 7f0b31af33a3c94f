package main

import (
	"context"
	"fmt"
	"net"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"bookservice/api/book"
	"bookservice/service"
	"bookservice/service/inmem"
)

// library is the domain behind every server: the built-in catalogue, or a list without the limit
// that the catalogue has.
type library struct {
	service.Service
	books []service.Book
}

// newLibrary returns a library whose list has n books, or the built-in catalogue if n is 0.
func newLibrary(n int) service.Service {
	if n == 0 {
		return inmem.Default()
	}
	l := library{Service: inmem.Default()}
	for i := range n {
		l.books = append(l.books, service.Book{ID: int32(i + 1), Name: "a book with a long name"})
	}
	return l
}

// BookList implements [service.Service].
func (l library) BookList(context.Context, int32, int32) ([]service.Book, error) {
	return l.books, nil
}

// rawServer is the service without go-kit.
type rawServer struct {
	book.UnimplementedBookServiceServer
	books service.Service
}

// GetBookInfo implements [book.BookServiceServer].
func (s rawServer) GetBookInfo(
	ctx context.Context, p *book.BookInfoParams,
) (*book.BookInfo, error) {
	b, err := s.books.BookInfo(ctx, p.GetBookId())
	if err != nil {
		return nil, err
	}
	return &book.BookInfo{BookId: b.ID, BookName: b.Name}, nil
}

// GetBookList implements [book.BookServiceServer].
func (s rawServer) GetBookList(
	ctx context.Context, p *book.BookListParams,
) (*book.BookList, error) {
	books, err := s.books.BookList(ctx, p.GetPage(), p.GetLimit())
	if err != nil {
		return nil, err
	}
	list := &book.BookList{BookList: make([]*book.BookInfo, len(books))}
	for i, b := range books {
		list.BookList[i] = &book.BookInfo{BookId: b.ID, BookName: b.Name}
	}
	return list, nil
}

func serveRaw(e *env) (string, error) {
	s := grpc.NewServer()
	book.RegisterBookServiceServer(s, rawServer{books: newLibrary(e.Books)})
	return e.serve(s)
}

// serve serves on a free port of 127.0.0.1 until the end of the run.
func (e *env) serve(s *grpc.Server) (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return e.serveOn(s, l)
}

func (e *env) serveOn(s *grpc.Server, l net.Listener) (string, error) {
	done := make(chan error, 1)
	go func() { done <- s.Serve(l) }()
	e.onClose(func() error {
		s.GracefulStop()
		return <-done
	})
	return l.Addr().String(), nil
}

func dialRaw(e *env, addr string) (call, error) {
	conn, err := e.connect(addr)
	if err != nil {
		return nil, err
	}
	return generated(e, conn), nil
}

// connect returns a plain-text connection with these options.
func (e *env) connect(addr string, opts ...grpc.DialOption) (*grpc.ClientConn, error) {
	conn, err := grpc.NewClient(addr,
		append(opts, grpc.WithTransportCredentials(insecure.NewCredentials()))...)
	if err != nil {
		return nil, err
	}
	e.onClose(conn.Close)
	return conn, nil
}

// generated returns a call of the generated client.
func generated(e *env, conn grpc.ClientConnInterface) call {
	client := book.NewBookServiceClient(conn)
	if e.Books > 0 {
		return func(ctx context.Context) error {
			list, err := client.GetBookList(ctx, &book.BookListParams{Page: 1})
			if err != nil {
				return err
			}
			return checkList(len(list.GetBookList()), e.Books)
		}
	}
	return func(ctx context.Context) error {
		info, err := client.GetBookInfo(ctx, &book.BookInfoParams{BookId: 1})
		if err != nil {
			return err
		}
		return checkInfo(info.GetBookId(), info.GetBookName())
	}
}

func checkInfo(id int32, name string) error {
	if id != 1 || name == "" {
		return fmt.Errorf("have book %d, %q, want book 1", id, name)
	}
	return nil
}

func checkList(have, want int) error {
	if have != want {
		return fmt.Errorf("have %d books, want %d", have, want)
	}
	return nil
}
