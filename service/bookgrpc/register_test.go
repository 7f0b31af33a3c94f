package bookgrpc_test

import (
	"slices"
	"testing"

	"bookservice/service/inmem"

	"github.com/opentracing/opentracing-go"
	"google.golang.org/grpc"
	reflectionv1 "google.golang.org/grpc/reflection/grpc_reflection_v1"
)

// What a tool does: list the services, then ask for each one's descriptor. The messages of both versions are the same on
// the wire.
func TestReflection(t *testing.T) {
	for _, version := range []string{"v1", "v1alpha"} {
		t.Run(version, func(t *testing.T) {
			conn, _ := serve(t, inmem.Default(), opentracing.NoopTracer{})
			stream, err := conn.NewStream(t.Context(), &grpc.StreamDesc{ClientStreams: true, ServerStreams: true},
				"/grpc.reflection."+version+".ServerReflection/ServerReflectionInfo")
			if err != nil {
				t.Fatal(err)
			}
			list := ask(t, stream, &reflectionv1.ServerReflectionRequest{
				MessageRequest: &reflectionv1.ServerReflectionRequest_ListServices{}})
			var names []string
			for _, s := range list.GetListServicesResponse().GetService() {
				names = append(names, s.GetName())
				file := ask(t, stream, &reflectionv1.ServerReflectionRequest{
					MessageRequest: &reflectionv1.ServerReflectionRequest_FileContainingSymbol{FileContainingSymbol: s.GetName()}})
				if len(file.GetFileDescriptorResponse().GetFileDescriptorProto()) == 0 {
					t.Errorf("%s: have %v, want its descriptor", s.GetName(), file.GetErrorResponse())
				}
			}
			slices.Sort(names)
			want := []string{"book.BookService", "grpc.reflection.v1.ServerReflection",
				"grpc.reflection.v1alpha.ServerReflection"}
			if !slices.Equal(names, want) {
				t.Errorf("services: have %v, want %v", names, want)
			}
			end(t, stream)
		})
	}
}

func ask(t *testing.T, stream grpc.ClientStream,
	r *reflectionv1.ServerReflectionRequest) *reflectionv1.ServerReflectionResponse {
	t.Helper()
	if err := stream.SendMsg(r); err != nil {
		t.Fatal(err)
	}
	var answer reflectionv1.ServerReflectionResponse
	if err := stream.RecvMsg(&answer); err != nil {
		t.Fatal(err)
	}
	return &answer
}

// end ends a stream and waits for the server to have ended it too.
func end(t *testing.T, stream grpc.ClientStream) {
	t.Helper()
	if err := stream.CloseSend(); err != nil {
		t.Error(err)
	}
	if err := stream.RecvMsg(&reflectionv1.ServerReflectionResponse{}); err == nil {
		t.Error("have another answer, want the stream's end")
	}
}
