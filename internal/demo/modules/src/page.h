/* page.h: the fixed parts of the report's page. */
#ifndef DROVER_PAGE_H
#define DROVER_PAGE_H

#define GIB 1073741824.0 /* bytes */

extern const char page_head[]; /* up to the start of <main> */
extern const char page_foot[];

#endif
