package service

// How many books a page has.
const (
	DefaultLimit = 100  // when none is asked for
	MaxLimit     = 1000 // at most
)

// CheckID returns a [*FieldError] when id can be no book's.
func CheckID(id int32) error {
	if id < 1 {
		return &FieldError{Field: "book_id", Value: id, Allowed: "1 or more"}
	}
	return nil
}

// Window turns a page's number and limit into the number of books to skip and the number to return at most, 1 to
// [MaxLimit]. Both are as SQL's OFFSET and LIMIT take them; offset is up to 2³¹ × [MaxLimit], which an int32 does not
// hold. The error is a [*FieldError].
func Window(page, limit int32) (offset, count int64, err error) {
	if page < 0 {
		return 0, 0, &FieldError{Field: "page", Value: page, Allowed: "1 or more, or 0 for the first page"}
	}
	if limit < 0 || limit > MaxLimit {
		return 0, 0, &FieldError{Field: "limit", Value: limit, Allowed: "0 to 1000, where 0 means 100"}
	}
	if limit == 0 {
		limit = DefaultLimit
	}
	return (int64(max(page, 1)) - 1) * int64(limit), int64(limit), nil
}
