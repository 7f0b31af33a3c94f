package side

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

// A Library is the domain behind every server: the built-in catalogue, or a list without the limit
// that the catalogue has.
type Library struct {
	service.Service
	books []service.Book
}

// NewLibrary returns a Library whose list has n books, or the built-in catalogue if n is 0.
func NewLibrary(n int) service.Service {
	if n == 0 {
		return inmem.Default()
	}
	l := Library{Service: inmem.Default()}
	for i := range n {
		l.books = append(l.books, service.Book{ID: int32(i + 1), Name: "a book with a long name"})
	}
	return l
}

// BookList implements [service.Service].
func (l Library) BookList(context.Context, int32, int32) ([]service.Book, error) {
	return l.books, nil
}

// A RawServer is the service without go-kit.
type RawServer struct {
	book.UnimplementedBookServiceServer
	Books service.Service
}

// GetBookInfo implements [book.BookServiceServer].
func (s RawServer) GetBookInfo(
	ctx context.Context, p *book.BookInfoParams,
) (*book.BookInfo, error) {
	b, err := s.Books.BookInfo(ctx, p.GetBookId())
	if err != nil {
		return nil, err
	}
	return &book.BookInfo{BookId: b.ID, BookName: b.Name}, nil
}

// GetBookList implements [book.BookServiceServer].
func (s RawServer) GetBookList(
	ctx context.Context, p *book.BookListParams,
) (*book.BookList, error) {
	books, err := s.Books.BookList(ctx, p.GetPage(), p.GetLimit())
	if err != nil {
		return nil, err
	}
	list := &book.BookList{BookList: make([]*book.BookInfo, len(books))}
	for i, b := range books {
		list.BookList[i] = &book.BookInfo{BookId: b.ID, BookName: b.Name}
	}
	return list, nil
}

// ServeRaw serves with grpc-go alone.
func ServeRaw(e *Env) (string, error) {
	s := grpc.NewServer()
	book.RegisterBookServiceServer(s, RawServer{Books: NewLibrary(e.Books)})
	return e.Serve(s)
}

// Serve serves on a free port of 127.0.0.1 until the end of the run.
func (e *Env) Serve(s *grpc.Server) (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return e.ServeOn(s, l)
}

// ServeOn serves on a listener until the end of the run.
func (e *Env) ServeOn(s *grpc.Server, l net.Listener) (string, error) {
	done := make(chan error, 1)
	go func() { done <- s.Serve(l) }()
	e.OnClose(func() error {
		s.GracefulStop()
		return <-done
	})
	return l.Addr().String(), nil
}

// DialRaw calls with grpc-go alone.
func DialRaw(e *Env, addr string) (Call, error) {
	conn, err := e.Connect(addr)
	if err != nil {
		return nil, err
	}
	return Generated(e, conn), nil
}

// Connect returns a plain-text connection with these options. It is closed at the end of the run.
func (e *Env) Connect(addr string, opts ...grpc.DialOption) (*grpc.ClientConn, error) {
	conn, err := grpc.NewClient(addr,
		append(opts, grpc.WithTransportCredentials(insecure.NewCredentials()))...)
	if err != nil {
		return nil, err
	}
	e.OnClose(conn.Close)
	return conn, nil
}

// Generated returns a call of the generated client.
func Generated(e *Env, conn grpc.ClientConnInterface) Call {
	client := book.NewBookServiceClient(conn)
	if e.Books > 0 {
		return func(ctx context.Context) error {
			list, err := client.GetBookList(ctx, &book.BookListParams{Page: 1})
			if err != nil {
				return err
			}
			return CheckList(len(list.GetBookList()), e.Books)
		}
	}
	return func(ctx context.Context) error {
		info, err := client.GetBookInfo(ctx, &book.BookInfoParams{BookId: 1})
		if err != nil {
			return err
		}
		return CheckInfo(info.GetBookId(), info.GetBookName())
	}
}

// CheckInfo returns an error unless the book is the one that is asked for.
func CheckInfo(id int32, name string) error {
	if id != 1 || name == "" {
		return fmt.Errorf("have book %d, %q, want book 1", id, name)
	}
	return nil
}

// CheckList returns an error unless the list has the number of books that it should have.
func CheckList(have, want int) error {
	if have != want {
		return fmt.Errorf("have %d books, want %d", have, want)
	}
	return nil
}
