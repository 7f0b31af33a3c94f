package bookgrpc_test

import (
	"io"
	"slices"
	"testing"

	"github.com/opentracing/opentracing-go"
	"google.golang.org/grpc"
	"google.golang.org/grpc/reflection/grpc_reflection_v1"

	"bookservice/service/inmem"
)

// As a tool does, the test lists the services and requests the descriptor of each. The messages of
// v1 and v1alpha have the same encoding.
func TestReflection(t *testing.T) {
	for _, version := range []string{"v1", "v1alpha"} {
		t.Run(version, func(t *testing.T) {
			conn, _ := serve(t, inmem.Default(), opentracing.NoopTracer{})
			stream, err := conn.NewStream(t.Context(),
				&grpc.StreamDesc{ClientStreams: true, ServerStreams: true},
				"/grpc.reflection."+version+".ServerReflection/ServerReflectionInfo")
			if err != nil {
				t.Fatal(err)
			}
			var names []string
			list := reflect(t, stream, listServices()).GetListServicesResponse()
			for _, s := range list.GetService() {
				names = append(names, s.GetName())
				have := reflect(t, stream, describe(s.GetName()))
				if len(have.GetFileDescriptorResponse().GetFileDescriptorProto()) == 0 {
					t.Errorf("%s: have %v, want a descriptor", s.GetName(), have.GetErrorResponse())
				}
			}
			slices.Sort(names)
			want := []string{"book.BookService", "grpc.reflection.v1.ServerReflection",
				"grpc.reflection.v1alpha.ServerReflection"}
			if !slices.Equal(names, want) {
				t.Errorf("services: have %v, want %v", names, want)
			}
			closeStream(t, stream)
		})
	}
}

func listServices() *grpc_reflection_v1.ServerReflectionRequest {
	return &grpc_reflection_v1.ServerReflectionRequest{
		MessageRequest: &grpc_reflection_v1.ServerReflectionRequest_ListServices{},
	}
}

func describe(symbol string) *grpc_reflection_v1.ServerReflectionRequest {
	return &grpc_reflection_v1.ServerReflectionRequest{
		MessageRequest: &grpc_reflection_v1.ServerReflectionRequest_FileContainingSymbol{
			FileContainingSymbol: symbol,
		},
	}
}

// reflect sends a request and returns the response.
func reflect(t *testing.T, stream grpc.ClientStream,
	r *grpc_reflection_v1.ServerReflectionRequest) *grpc_reflection_v1.ServerReflectionResponse {
	t.Helper()
	if err := stream.SendMsg(r); err != nil {
		t.Fatal(err)
	}
	var response grpc_reflection_v1.ServerReflectionResponse
	if err := stream.RecvMsg(&response); err != nil {
		t.Fatal(err)
	}
	return &response
}

// closeStream closes a stream and waits until the server has closed it too.
func closeStream(t *testing.T, stream grpc.ClientStream) {
	t.Helper()
	if err := stream.CloseSend(); err != nil {
		t.Error(err)
	}
	if err := stream.RecvMsg(&grpc_reflection_v1.ServerReflectionResponse{}); err != io.EOF {
		t.Errorf("have %v, want the end of the stream", err)
	}
}
