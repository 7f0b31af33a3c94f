package recording

// Limits on what one span exports. What exceeds them is truncated or left out without an error: a
// span must never make the traced code fail.
const (
	maxName  = 1 << 10 // bytes of a span's name
	maxKey   = 1 << 8  // bytes of a tag's key
	maxValue = 1 << 12 // bytes of a tag's value, and of a log record
	maxTags  = 128
	maxLogs  = 128 // the oldest and the newest half
	maxLinks = 128
)
