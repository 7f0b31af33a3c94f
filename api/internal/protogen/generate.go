package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/bufbuild/protocompile"
	"github.com/bufbuild/protocompile/protoutil"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/pluginpb"
)

// generate compiles file, relative to dir, and writes the output of the plugins below out.
func generate(ctx context.Context, dir, file, out string) error {
	request, err := compile(ctx, dir, file)
	if err != nil {
		return fmt.Errorf("compile %s: %w", file, err)
	}
	for _, plugin := range []string{"protoc-gen-go", "protoc-gen-go-grpc"} {
		response, err := run(ctx, plugin, request)
		if err != nil {
			return fmt.Errorf("run %s: %w", plugin, err)
		}
		if err := write(out, response.GetFile()); err != nil {
			return err
		}
	}
	return nil
}

// compile makes the request that protoc would send to its plugins. Source info carries the
// comments.
func compile(ctx context.Context, dir, file string) (*pluginpb.CodeGeneratorRequest, error) {
	compiler := protocompile.Compiler{
		Resolver: protocompile.WithStandardImports(&protocompile.SourceResolver{
			ImportPaths: []string{dir},
		}),
		SourceInfoMode: protocompile.SourceInfoStandard,
	}
	files, err := compiler.Compile(ctx, file)
	if err != nil {
		return nil, err
	}
	return &pluginpb.CodeGeneratorRequest{
		FileToGenerate: []string{file},
		Parameter:      new("paths=source_relative"),
		ProtoFile:      withImports(nil, map[string]bool{}, files[0]),
	}, nil
}

// withImports appends file to list, after every file that it imports. Plugins need them in that
// order.
func withImports(list []*descriptorpb.FileDescriptorProto, seen map[string]bool,
	file protoreflect.FileDescriptor) []*descriptorpb.FileDescriptorProto {
	if seen[file.Path()] {
		return list
	}
	seen[file.Path()] = true
	for i := range file.Imports().Len() {
		list = withImports(list, seen, file.Imports().Get(i).FileDescriptor)
	}
	return append(list, protoutil.ProtoFromFileDescriptor(file))
}

func run(ctx context.Context, plugin string, request *pluginpb.CodeGeneratorRequest) (
	*pluginpb.CodeGeneratorResponse, error) {
	in, err := proto.MarshalOptions{Deterministic: true}.Marshal(request)
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, "go", "tool", plugin)
	cmd.Stdin, cmd.Stderr = bytes.NewReader(in), os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, err
	}
	var response pluginpb.CodeGeneratorResponse
	if err := proto.Unmarshal(out, &response); err != nil {
		return nil, fmt.Errorf("read its answer: %w", err)
	}
	// A plugin reports an error in the .proto file here, and exits with 0.
	if response.Error != nil {
		return nil, errors.New(response.GetError())
	}
	return &response, nil
}

func write(out string, files []*pluginpb.CodeGeneratorResponse_File) error {
	for _, file := range files {
		path := filepath.Join(out, filepath.FromSlash(file.GetName()))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, []byte(file.GetContent()), 0o644); err != nil {
			return err
		}
	}
	return nil
}
