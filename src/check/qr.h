/*
 * A text as a QR code (ISO/IEC 18004), by libqrencode, drawn as SVG.  Pure C:
 * no nginx types.
 */

#ifndef AF_CHECK_QR_H
#define AF_CHECK_QR_H

#include "check/buffer.h"


/*
 * Adds an SVG document: dark on white, whatever is around it, with the margin
 * that cameras need.  Returns 0, or -1: the text is too long, or there is no
 * memory.
 */
int af_qr_svg(const char *text, af_buffer_t *out);


#endif /* AF_CHECK_QR_H */
