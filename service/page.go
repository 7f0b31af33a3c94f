package service

// Numbers of books on a page.
const (
	DefaultLimit = 100  // if the request has no limit
	MaxLimit     = 1000 // the largest limit that a request may have
)

// CheckID returns a [*FieldError] if id is below 1.
func CheckID(id int32) error {
	if id < 1 {
		return &FieldError{Field: "book_id", Value: id, Allowed: "1 or more"}
	}
	return nil
}

// Window converts a page number and a limit to an offset and a count, as in the OFFSET and LIMIT
// clauses of SQL. count is between 1 and [MaxLimit]. offset can be as large as 2³¹ × [MaxLimit],
// which does not fit in an int32. The error is a [*FieldError].
func Window(page, limit int32) (offset, count int64, err error) {
	if page < 0 {
		const allowed = "1 or more, or 0 for the first page"
		return 0, 0, &FieldError{Field: "page", Value: page, Allowed: allowed}
	}
	if limit < 0 || limit > MaxLimit {
		const allowed = "0 to 1000, where 0 means 100"
		return 0, 0, &FieldError{Field: "limit", Value: limit, Allowed: allowed}
	}
	if limit == 0 {
		limit = DefaultLimit
	}
	return (int64(max(page, 1)) - 1) * int64(limit), int64(limit), nil
}
