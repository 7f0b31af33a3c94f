//go:build !unix

package faults

import "errors"

func (*member) pause() error { return errors.ErrUnsupported }

func (*member) resume() error { return errors.ErrUnsupported }
