/**
 * The seam between the store and the file system. Read {@link io.ashlar.store.file.StorageFile} first. Owned by no loop:
 * any thread may call, the store orders what overlaps. Imports base only. Data plane ({@code StorageFile}) and control
 * plane ({@code StorageIo}).
 */
package io.ashlar.store.file;
