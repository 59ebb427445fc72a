/**
 * Settings of the store and what it borrows from the process. Read {@link io.ashlar.store.config.StoreConfig} first. Owned
 * by no loop; imports base only. Control plane.
 */
package io.ashlar.store.config;
